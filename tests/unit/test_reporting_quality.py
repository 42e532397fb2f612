"""The data quality page: what it says of runs, rules, sources and rows."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from kpi_lib.errors import DataError, UsageError
from kpi_lib.reporting import display
from kpi_lib.reporting.quality_data import load_quality
from tests.quality_sample import AS_OF, QualityWh, check
from tests.reporting_sample import winery


def test_the_headline_counts_the_newest_run_only() -> None:
    page = display.quality(QualityWh())
    text = display.headline(page).plain
    assert text.startswith("2 of 3 checks passed, with 1 warning")
    assert "Checked Sat 21 Nov 2026, 00:05 PST" in text and "as of Fri 20 Nov 2026" in text
    assert "Every source reaches that day." not in text
    assert "stg_order_item, stg_tock_reservation, stg_tock_guest and 3 more are not loaded." in text
    assert "Of the last 3 runs 1 did not pass and published nothing, the newest on 20 Nov 2026." in text


@pytest.mark.parametrize(
    ("severities", "sentence"),
    [
        ([], "All 3 checks passed"),
        (["critical"], "1 critical check failed: these figures are not to be trusted"),
        (["info"], "2 of 3 checks passed, with 1 remark"),
        (["warning", "warning", "info"], "0 of 3 checks passed, with 2 warnings and 1 remark"),
    ],
)
def test_every_outcome_has_a_sentence(severities: list[str], sentence: str) -> None:
    rows = [
        check(2, str(number), number >= len(severities), severity=(severities + ["critical"] * 3)[number])
        for number in range(3)
    ]
    assert display.headline(display.quality(QualityWh(rows))).plain.splitlines()[0] == sentence


def test_one_mark_a_run_with_its_outcome_in_words() -> None:
    nights = display.table(display.quality(QualityWh()), "nights")
    assert nights.html.count("<li") == 3
    states = [part.split('"')[1] for part in nights.html.split("<li ")[1:]]
    assert states == ["good", "bad", "amber"]
    assert "as of 19 Nov 2026: 0 of 2 passed, 1 critical and 1 warning, nothing was published" in nights.plain


def test_a_rule_that_fails_says_since_when_what_to_do_and_which_rows() -> None:
    piece = display.table(display.quality(QualityWh()), "failures")
    assert "Rule b holds." in piece.html and "Rule a holds." not in piece.html
    assert "for 2 runs in a row" in piece.html and "Load it again." in piece.html
    assert "The row that breaks it" in piece.html and "2026-11-18" in piece.html
    assert "null" not in piece.html and "None" not in piece.html
    all_hold = display.table(display.quality(QualityWh([check(2, "a")])), "failures")
    assert "Nothing: all 1 rules hold." in all_hold.plain


def test_the_history_of_a_rule_knows_runs_without_it() -> None:
    rules = {rule.name: rule for rule in load_quality(QualityWh()).rules}
    assert rules["a"].history == (True, False, True) and rules["a"].failing_runs == 0
    assert rules["b"].history == (True, False, False) and rules["b"].failing_runs == 2
    assert rules["new"].history == (None, None, True)
    assert load_quality(QualityWh()).rules[0].name == "b"


def test_rules_are_listed_by_kind_with_severity_result_and_finding() -> None:
    page = display.quality(QualityWh())
    agree, every = (display.table(page, kind) for kind in ("reconciliations", "expectations"))
    assert "0 of 1 hold." in agree.html and "2 of 2 hold." in every.html
    assert "held in 1 of 3 runs" in agree.html and "two rows" in agree.html
    assert '<table class="rules" data-sortable>' in every.html


def test_every_source_reaches_the_day_only_when_each_is_known_to() -> None:
    names = [source.name for source in winery().sources if source.name not in ("stg_order", "stg_product")]

    def reach(**others: dt.date | None) -> str:
        page = display.quality(QualityWh(others={**dict.fromkeys(names, AS_OF), **others}))
        return display.headline(page).plain

    assert "Every source reaches that day." in reach()
    unknown = reach(dim_experience=None)
    assert "How far dim_experience reaches is not known." in unknown and "Every source" not in unknown
    page = display.quality(QualityWh(others=dict.fromkeys(names[1:], AS_OF)))
    absent = display.headline(page).plain
    assert f"{names[0]} is not loaded." in absent and "Every source" not in absent


def test_remarks_and_critical_failures_are_counted_in_words() -> None:
    rows = [
        check(2, str(number), False, severity="info" if number < 3 else "critical") for number in range(5)
    ]
    text = display.table(display.quality(QualityWh(rows)), "nights").plain
    assert "0 of 5 passed, 2 critical and 3 remarks, nothing was published" in text


@pytest.mark.parametrize(
    ("count", "label"),
    [(1, "The row that breaks it"), (3, "The 3 rows that break it"), (10, "The 10 rows that break it"),
     (11, "The first 10 rows that break it")],
)  # fmt: skip
def test_the_first_rows_are_only_said_when_there_are_more(count: int, label: str) -> None:
    rows = [check(2, "a", False, failing=json.dumps([{"day": number} for number in range(count)]))]
    assert label in display.table(display.quality(QualityWh(rows)), "failures").html


def test_rows_of_which_every_column_was_withheld_have_no_table() -> None:
    rows = [check(2, "a", False, failing=json.dumps([{}, {}]))]
    html = display.table(display.quality(QualityWh(rows)), "failures").html
    assert "<table" not in html and "<details" not in html and "two rows" in html


def test_a_late_source_says_by_how_many_days() -> None:
    page = display.quality(QualityWh(through=dt.date(2026, 11, 18)))
    assert "stg_order does not reach that day." in display.headline(page).plain
    table = display.table(page, "freshness")
    assert "△ 2 days" in table.html and "18 Nov 2026" in table.html
    assert "Fri 20 Nov 2026, 19:05 PST" in table.html and "5 hours before the checks" in table.html
    assert "stg_tock_guest" in table.plain and "not loaded" in table.plain
    assert "88,097" in display.table(page, "rows").plain


def test_hostile_text_stays_text() -> None:
    evil = "<script>x</script> | NaN"
    rows = [check(2, "a", False, expected=evil, observed=evil, failing=json.dumps([{evil: evil}]))]
    page = display.quality(QualityWh(rows))
    for kind in ("failures", "expectations"):
        assert "<script>" not in display.table(page, kind).html


def test_without_any_run_it_says_so_and_unknown_tables_are_refused() -> None:
    with pytest.raises(DataError, match="No run of the checks is held"):
        display.quality(QualityWh([]))
    with pytest.raises(UsageError, match="Did you mean 'failures'"):
        display.table(display.quality(QualityWh()), "failure")
