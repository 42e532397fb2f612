"""Numbers, changes and dates as people read them."""

from __future__ import annotations

import datetime as dt
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.catalogue.models import Kpi
from kpi_lib.reporting import format as fmt

NBSP = "\u00a0"


def kpi(**changes: object) -> Kpi:
    base = {"id": 1, "code": "a", "name": "A", "group": "g", "kind": "sum", "definition": "d"}
    return Kpi(**{**base, **changes})  # type: ignore[arg-type]


MONEY = kpi(format="currency", decimals=2)
FEE = kpi(format="currency", decimals=2, kind="ratio", numerator="n", denominator="d")
COUNT = kpi(format="number", decimals=0)
POINTS = kpi(format="percent", unit="points", decimals=1, kind="ratio", numerator="n", denominator="d")
FRACTION = kpi(format="percent", unit="fraction", decimals=1, kind="ratio", numerator="n", denominator="d")


@pytest.mark.parametrize(
    ("value", "of", "exact", "card"),
    [
        (412380.15, MONEY, "$412,380.15", "$412,380"),
        (1_240_000.0, MONEY, "$1,240,000.00", "$1.24M"),
        (999_999.99, MONEY, "$999,999.99", "$1.00M"),
        (-89.6, MONEY, "−$89.60", "−$89.60"),
        (-1_900.4, MONEY, "−$1,900.40", "−$1,900"),
        (0.0, MONEY, "$0.00", "$0"),
        (-0.001, MONEY, "$0.00", "$0.00"),
        (24.5, FEE, "$24.50", "$24.50"),
        (2204.0, COUNT, "2,204", "2,204"),
        (2_841_000.0, COUNT, "2,841,000", "2.84M"),
        (3.5, POINTS, f"3.5{NBSP}%", f"3.5{NBSP}%"),
        (1.05, FRACTION, f"105.0{NBSP}%", f"105.0{NBSP}%"),
        (0.125, kpi(format="currency", decimals=2), "$0.12", "$0.12"),
        (1.3, kpi(format="multiplier", decimals=2), "1.30×", "1.30×"),
        (12.0, kpi(format="days", decimals=0), f"12{NBSP}days", f"12{NBSP}days"),
        (1.0, kpi(format="days", decimals=0), f"1{NBSP}day", f"1{NBSP}day"),
        (None, MONEY, "–", "–"),
        (math.nan, POINTS, "–", "–"),
    ],
)
def test_values(value: float | None, of: Kpi, exact: str, card: str) -> None:
    assert fmt.exact(value, of) == exact
    assert fmt.humanised(value, of) == card


def test_a_currency_without_a_sign_of_its_own_is_named() -> None:
    assert fmt.exact(-12.0, MONEY, "CHF") == f"−CHF{NBSP}12.00"


@given(st.floats(-1e12, 1e12))
def test_an_exact_amount_reads_back_as_the_value_to_the_cent(value: float) -> None:
    text = fmt.exact(value, MONEY)
    number = float(re.sub(r"[$,]", "", text).replace("−", "-"))
    assert abs(number - value) <= 0.005 + abs(value) * 1e-12
    assert "-" not in text


@pytest.mark.parametrize(
    ("delta", "of", "text"),
    [
        (21900.2, MONEY, "+$21,900"),
        (-70.0, MONEY, "−$70.00"),
        (0.0, MONEY, "$0"),
        (-0.001, MONEY, "$0.00"),
        (0.4, POINTS, f"+0.4{NBSP}pp"),
        (-0.004, FRACTION, f"−0.4{NBSP}pp"),
        (None, MONEY, "–"),
    ],
)
def test_differences_carry_their_sign(delta: float | None, of: Kpi, text: str) -> None:
    assert fmt.signed(delta, of) == text


@pytest.mark.parametrize(
    ("delta", "share", "of", "text", "arrow", "tone"),
    [
        (10.0, 0.083, MONEY, f"8.3{NBSP}%", "▲", "good"),
        (-10.0, -0.083, MONEY, f"8.3{NBSP}%", "▼", "bad"),
        (6.0, 0.182, kpi(direction="down"), f"18.2{NBSP}%", "▲", "bad"),
        (-6.0, -0.182, kpi(direction="down"), f"18.2{NBSP}%", "▼", "good"),
        (6.0, 0.182, kpi(direction="neutral"), f"18.2{NBSP}%", "▲", "none"),
        (1.0, 0.0004, MONEY, f"0.0{NBSP}%", "=", "none"),
        (0.4, None, POINTS, f"0.4{NBSP}pp", "▲", "good"),
        (-0.006, 0.5, FRACTION, f"0.6{NBSP}pp", "▼", "bad"),
        (50.0, None, MONEY, "–", "", "none"),
        (None, None, POINTS, "–", "", "none"),
    ],
)
def test_a_change_has_text_arrow_and_tone(
    delta: float | None, share: float | None, of: Kpi, text: str, arrow: str, tone: str
) -> None:
    shown = fmt.change(delta, share, of, "it was zero")
    assert (shown.text, shown.arrow, shown.tone) == (text, arrow, tone)
    assert shown.known == (text != "–")


def test_a_change_says_its_direction_and_judgement_in_words() -> None:
    assert fmt.change(1, 0.083, MONEY).words == "up 8.3 percent, favourable"
    assert fmt.change(-0.4, None, POINTS).words == "down 0.4 percentage points, unfavourable"
    assert fmt.change(None, None, MONEY, "no data a year earlier").words == "no data a year earlier"


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ((2026, 11, 1), (2026, 11, 20), "1–20 Nov 2026"),
        ((2026, 10, 1), (2026, 11, 20), "1 Oct–20 Nov 2026"),
        ((2025, 12, 30), (2026, 1, 3), "30 Dec 2025–3 Jan 2026"),
        ((2026, 11, 1), (2026, 11, 1), "1 Nov 2026"),
    ],
)
def test_spans(start: tuple[int, int, int], end: tuple[int, int, int], text: str) -> None:
    assert fmt.span(dt.date(*start), dt.date(*end)) == text


def test_axis_labels_share_one_unit() -> None:
    assert fmt.axis([0, 200_000, 400_000], MONEY) == ["$0", "$200k", "$400k"]
    assert fmt.axis([2650, 2700], COUNT) == ["2,650", "2,700"]
    assert fmt.axis([0, 1_500_000, 3_000_000], MONEY) == ["$0", "$1.5M", "$3.0M"]
    assert fmt.axis([-2.5, 0, 2.5], POINTS) == [f"−2.5{NBSP}%", f"0{NBSP}%", f"2.5{NBSP}%"]


def test_lists_and_plurals() -> None:
    assert fmt.listed([]) == ""
    assert fmt.listed(["a", "b"]) == "a and b"
    assert fmt.listed(list("abcd")) == "a, b, c and d"
    assert fmt.listed(list("abcde")) == "a, b, c and 2 more"
    assert fmt.plural(1, "day") == "1 day"
    assert fmt.plural(1200, "day") == "1,200 days"
