"""Charts where a script runs: the same numbers in words, nothing of it in the static drawing."""

from __future__ import annotations

import datetime as dt
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kpi_lib.catalogue.targets import Target
from kpi_lib.reporting import charts, live, series
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.bars import Bar, columns_spec, rows_spec
from kpi_lib.reporting.bridge import Step, steps_to
from kpi_lib.reporting.bundle import write_bundle
from kpi_lib.reporting.chart_parts import MONEY
from kpi_lib.reporting.data import ReportData
from kpi_lib.reporting.display import chart
from kpi_lib.reporting.panels import Panel, share_a_scale
from kpi_lib.reporting.spark import bullet_places
from tests.reporting_sample import AS_OF, sample, sample_empty, winery

TOTAL = "total_daily_revenue"
STOCK = "total_active_club_membership"
ALL_KINDS = sorted({**charts.KINDS, **charts.PARTED})


def readings(spec: dict[str, Any]) -> list[list[str]]:
    return [row["t"] for row in spec["datasets"][live.READINGS]]


def sketch_of(data: ReportData, kind: str, code: str = TOTAL) -> Any:
    draw = charts.parted if kind in charts.PARTED else charts.sketch
    found = draw(data, kind, winery().kpi(code))
    assert found is not None
    return found


def page_spec(html: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two charts of a page as a browser would read them."""
    found: list[str] = []

    class Reader(HTMLParser):
        inside = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.inside = tag == "template"

        def handle_data(self, data: str) -> None:
            if self.inside:
                found.append(data)

        def handle_endtag(self, tag: str) -> None:
            self.inside = False

    Reader().feed(html)
    data = json.loads("".join(found))
    return data["spec"], patched(data["spec"], data["narrow"])


def patched(value: Any, patch: dict[str, Any]) -> Any:
    """Do what the page's script does with a difference."""
    if "=" in patch:
        return patch["="]
    if "last" in patch:
        return value[-patch["last"] :]
    made = dict(enumerate(value)) if isinstance(value, list) else dict(value)
    for key, step in patch.items():
        place = int(key) if isinstance(value, list) else key
        made[place] = patched(value[place], step)
    return list(made.values()) if isinstance(value, list) else made


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_the_static_drawing_has_nothing_of_the_live_one(kind: str) -> None:
    for spec in (sketch_of(sample(), kind).wide, sketch_of(sample(), kind).narrow):
        drawn = live.still(spec)
        assert live.is_live(spec)
        assert "params" in spec and "params" not in drawn
        assert not [layer for layer in drawn["layer"] if str(layer.get("name", "")).startswith("live")]
        shapes = [layer for layer in spec["layer"] if layer.get("name") == live.HITS]
        assert len(shapes) == 1 and len(spec["layer"]) > len(drawn["layer"])


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_page_holds_both_widths_and_no_colour_of_one_scheme(kind: str) -> None:
    sketch = sketch_of(sample(), kind)
    wide, narrow = page_spec(chart(sample(), kind, TOTAL).html)
    assert (wide["width"], narrow["width"]) == (sketch.wide["width"], sketch.narrow["width"])
    assert readings(wide) == readings(sketch.wide)
    assert readings(narrow) == readings(sketch.narrow)
    text = json.dumps([wide, narrow])
    assert "$schema" not in text and "http" not in text
    assert not re.search(r"#[0-9a-f]{6}", text)


def test_no_name_can_end_the_element_that_holds_a_chart() -> None:
    evil = "</template><script>alert(1)</script> & \u2028 ${x}"
    bars = [Bar(evil, 3.0, text="3"), Bar("b", 1.0, text="1")]
    from kpi_lib.reporting.chart_parts import rows_of
    from kpi_lib.reporting.pieces import chart_piece

    html = chart_piece(rows_of(bars, "words"), "evil").html
    inside = re.findall(r'<template class="spec">(.*?)</template>', html, re.DOTALL)
    assert len(inside) == 1 and "<" not in inside[0] and "&" not in inside[0]
    assert readings(json.loads(inside[0])["spec"])[0] == [evil, "3"]


def test_the_month_is_read_out_day_by_day_as_the_tables_have_it() -> None:
    data = sample()
    said = readings(sketch_of(data, "cumulative").wide)
    figure, kpi = data.row(TOTAL, "mtd"), data.kpi()
    assert len(said) == 30
    assert said[19] == [
        "1–20 Nov", f"2026: {fmt.exact(figure.value, kpi)}", f"2025: {fmt.exact(figure.prior, kpi)}",
    ]  # fmt: skip
    assert said[20][1].startswith("2025: ") and len(said[20]) == 2


def test_months_and_days_are_read_out_with_their_own_dates() -> None:
    data = sample()
    said = readings(sketch_of(data, "trend").wide)
    october = data.days(TOTAL)["value"]["2026-10-01":"2026-10-31"].sum()
    assert said[10][:2] == ["October", f"Oct 2026: {fmt.exact(october, data.kpi())}"]
    assert said[11][1].endswith(", 20 of 30 days") and "days" not in said[11][2]
    days = readings(sketch_of(data, "heat").wide)
    assert days[-1] == ["Fri 20 Nov 2026", fmt.exact(data.days(TOTAL)["value"].iloc[-1], data.kpi())]
    narrow = readings(sketch_of(data, "heat").narrow)
    assert narrow == days[-len(narrow) :]


def with_target(data: ReportData, code: str, period: str, value: float) -> ReportData:
    unit = "USD" if winery().kpi(code).format == "currency" else "count"
    target = Target(domain="winery", metric=code, period=period, target=value, unit=unit, direction="up")
    return replace(data, targets=(target,))


def test_a_target_is_drawn_where_it_can_be_held_against_the_line() -> None:
    month = with_target(sample(), TOTAL, "2026-11", 300_000)
    sketch = sketch_of(month, "cumulative")
    assert "The target is $300,000." in sketch.description
    assert "target $300k" in [label["text"] for label in sketch.wide["datasets"]["end"]]
    assert max(sketch.wide["layer"][0]["encoding"]["y"]["scale"]["domain"]) >= 300_000
    trend = sketch_of(month, "trend")
    assert "Dotted: the target, $300,000 for Nov 2026." in trend.caption
    year = with_target(sample(), TOTAL, "2026", 3_000_000)
    for kind in ("cumulative", "trend"):
        sketch = sketch_of(year, kind)
        assert "target" not in (sketch.description + sketch.caption).lower()
    level = with_target(sample(), STOCK, "2026", 2850)
    assert "The target is 2,850." in sketch_of(level, "cumulative", STOCK).description
    dotted = [row for row in sketch_of(level, "trend", STOCK).wide["datasets"]["lines"] if row["y"] == 2850]
    assert [row["x"] for row in dotted] == [1.6, 12.0]


@pytest.mark.parametrize("code", [TOTAL, STOCK, "avg_party_size"])
def test_the_open_month_is_dashed_and_named_whatever_the_kpi(code: str) -> None:
    spec = sketch_of(sample(), "trend", code).wide
    last = [row for row in spec["datasets"]["lines"] if row["n"] == 3]
    assert {tuple(row["d"]) for row in last} == {(3, 4)} and [row["x"] for row in last] == [11.0, 12.0]
    assert "20 of 30 days" in [row["text"] for row in spec["datasets"]["end"]]
    closed = sketch_of(sample(dt.date(2026, 10, 31)), "trend", code).wide
    assert {tuple(row["d"]) for row in closed["datasets"]["lines"]} == {(1, 0)}


def test_a_bridge_ends_where_the_change_does() -> None:
    data = sample()
    for kind in ("bridge", "parts"):
        bars = sketch_of(data, kind).wide["datasets"]["bars"]
        starts, ends = [bar["x"] for bar in bars], [bar["z"] for bar in bars]
        delta = data.row(TOTAL, "mtd").delta
        assert starts[:-1] == pytest.approx([0.0, *ends[:-2]])
        assert ends[-2] == pytest.approx(delta) and (starts[-1], ends[-1]) == (0.0, pytest.approx(delta))


def test_a_bridge_says_what_its_parts_leave_over_and_joins_the_small_ones() -> None:
    whole = sample().row(TOTAL, "mtd")
    assert whole.delta is not None
    steps = steps_to(whole, [Step("a", whole.delta - 100), Step("b", 40)])
    assert [step.name for step in steps] == ["a", "b", "Not in these"]
    assert steps[-1].change == pytest.approx(60)
    assert sum(step.change for step in steps) == pytest.approx(whole.delta)
    many = [Step(str(number), float(number)) for number in range(200)]
    joined = steps_to(replace(whole, delta=sum(step.change for step in many)), many)
    assert len(joined) == 9 and joined[-1].name == "192 others"
    assert sum(step.change for step in joined) == pytest.approx(sum(step.change for step in many))


def test_no_bridge_and_no_panels_where_there_is_nothing_to_part() -> None:
    data = sample()
    ratio = winery().kpi("avg_party_size")
    assert charts.parted(data, "bridge", ratio) is None
    assert charts.parted(data, "parts", ratio) is None
    alone = replace(data, reader=None)
    assert charts.parted(alone, "locations", data.kpi()) is None
    assert charts.parted(alone, "bridge", data.kpi()) is None
    assert chart(alone, "bridge").html == ""


def test_locations_have_a_panel_each_with_their_own_months() -> None:
    data = sample()
    sketch = sketch_of(data, "locations")
    names = [row["text"] for row in sketch.wide["datasets"]["names"]]
    assert names[:2] == ["Main Tasting Room", "Cave Tasting Room"]
    said = readings(sketch.wide)
    assert len(said) == 12 * len(names)
    days = data.days_of("MAIN_TASTING_ROOM", TOTAL)
    value = series.months(data.kpi(), days, AS_OF, 2)["value"].iloc[0]
    assert said[10] == [
        "Main Tasting Room", f"Oct 2026: {fmt.exact(value, data.kpi())}", said[10][2],
    ]  # fmt: skip
    assert said[11][1].endswith(", to 20 Nov")


def test_panels_share_a_scale_only_while_all_can_be_read() -> None:
    big, half, tiny = (Panel(str(top), (top,) * 12, (None,) * 12) for top in (100.0, 50.0, 3.0))
    assert share_a_scale([big, half])
    assert not share_a_scale([big, tiny])


def test_an_open_column_is_pale_and_dashed_and_bars_start_at_zero() -> None:
    bars = [Bar("Oct", 50.0), Bar("Nov", 20.0, open=True)]
    spec = columns_spec(bars, 600, 200, MONEY, "USD")
    assert [(row["o"], row["d"]) for row in spec["datasets"]["bars"]] == [(1, (1, 0)), (0.25, (3, 3))]
    scales = [layer["encoding"]["y"]["scale"] for layer in spec["layer"] if "scale" in layer["encoding"]["y"]]
    assert scales and all(scale["domain"][0] == 0 for scale in scales)
    assert readings(spec) == [["Oct", "$50.00"], ["Nov", "$20.00"]]
    marked = rows_spec([Bar("a", 1.0, text="x", mark=4.0)], 600)["datasets"]["right"]
    assert marked[0]["x"] == 4.0


@pytest.mark.parametrize(
    ("value", "expected", "target", "places"),
    [
        (50.0, 60.0, 100.0, (50.0, 60.0)),
        (120.0, 100.0, 100.0, (100.0, 100 / 1.2)),
        (0.0, 0.0, 0.0, None),
        (None, 1.0, 2.0, None),
        (-1.0, 1.0, 2.0, None),
    ],
)
def test_a_bullet_is_drawn_only_where_it_says_something(
    value: float | None, expected: float, target: float, places: tuple[float, float] | None
) -> None:
    found = bullet_places(value, expected, target)
    assert found == (pytest.approx(places) if places else None)


def test_the_bundle_is_made_once_and_of_one_scope(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = write_bundle(tmp_path / "a" / "assets", cache)
    text = first.read_text()
    assert text.startswith("/* Vega") and "window.vegaEmbed" in text[-400:]
    kept = list(cache.iterdir())
    assert [path.suffix for path in kept] == [".js"]
    kept[0].write_text("kept")
    assert write_bundle(tmp_path / "b" / "assets", cache).read_text() == "kept"
    assert write_bundle(tmp_path / "a" / "assets", cache).read_text() == text


def test_a_difference_makes_the_one_of_the_other() -> None:
    pairs: list[tuple[Any, Any]] = [
        ({"a": [1, 2, {"b": 3}]}, {"a": [1, 5, {"b": 4}]}),
        ({"a": list(range(9))}, {"a": [7, 8]}),
        ({"a": [1, 2]}, {"a": [3]}),
        ({"a": {"x": 1}}, {"a": {"y": 1}}),
        ({"a": {}, "b": []}, {"a": {"x": 1}, "b": [1]}),
    ]
    for before, after in pairs:
        step = live.difference(before, after)
        assert step is not None and patched(before, step) == after
    assert live.difference({"a": 1}, {"a": 1}) is None


def test_days_without_data_and_without_a_value_are_told_apart() -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        rows = (frame["kpi_id"] == winery().kpi("avg_party_size").id) & (
            frame["date_key"] == pd.Timestamp("2026-11-19")
        )
        frame.loc[rows, ["value", "numerator", "denominator"]] = [None, 0.0, 0.0]
        return frame

    days = readings(sketch_of(sample(change=change), "heat", "avg_party_size").wide)
    assert days[-2] == ["Thu 19 Nov 2026", "no value: nothing to divide by"]


LONG = "Ω <b>$x$</b> | # =cmd() " * 9
RTL = "\u05d7\u05e0\u05d5\u05ea \u0645\u062a\u062c\u0631"


@pytest.mark.parametrize("factor", [1e-8, 1.0, -1.0, 1e5])
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_charts_stay_whole_with_any_size_of_values_and_any_name(kind: str, factor: float) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(value=frame["value"] * factor)

    data = sample(change=change)
    catalogue = data.catalogue
    named = catalogue.model_copy(
        update={
            "entities": tuple(
                item.model_copy(update={"name": RTL if number % 2 else LONG})
                for number, item in enumerate(catalogue.entities)
            ),
            "kpis": tuple(item.model_copy(update={"name": LONG, "short": ""}) for item in catalogue.kpis),
        }
    )
    piece = chart(replace(data, catalogue=named), kind, TOTAL)
    for svg in re.findall(r"<svg.*?</svg>", piece.html, re.DOTALL):
        ET.fromstring(svg)  # noqa: S314
        assert "NaN" not in svg and "undefined" not in svg
    assert "<b>" not in piece.html.replace("&lt;b&gt;", "") and "NaN" not in piece.html


@pytest.mark.parametrize("kind", sorted(charts.PARTED))
def test_a_kpi_without_any_data_has_no_parts_to_draw(kind: str) -> None:
    data = sample_empty()
    assert charts.parted(data, kind, data.kpi()) is None


def test_of_two_hundred_locations_the_largest_are_shown_and_the_rest_is_counted() -> None:
    data = sample()
    some = data.catalogue.entities[1]
    many = tuple(
        some.model_copy(update={"id": 100 + n, "code": f"P{n}", "name": f"Place {n}"}) for n in range(200)
    )
    catalogue = data.catalogue.model_copy(update={"entities": (data.catalogue.entities[0], *many)})
    read: list[str] = []

    class Many:
        def rollups_of(self, kpi: str, as_of: Any = None) -> pd.DataFrame:
            own = data.rollups[data.rollups["kpi_id"] == winery().kpi(kpi).id]
            return pd.concat([own.assign(entity_id=100 + number) for number in range(200)])

        def daily(self, entity: str = "ALL", **of: Any) -> pd.DataFrame:
            read.append(entity)
            return data.daily[data.daily["kpi_id"] == winery().kpi(TOTAL).id]

    crowd = replace(data, catalogue=catalogue, reader=Many())  # type: ignore[arg-type]
    panels = charts.parted(crowd, "locations", data.kpi())
    assert panels is not None and len(panels.wide["datasets"]["names"]) == 12 == len(read)
    assert panels.caption.endswith("The 12 largest of 200.")
    bridge = charts.parted(crowd, "bridge", data.kpi())
    assert bridge is not None and "192 others" in bridge.description
