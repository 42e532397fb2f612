"""The page of restatements: what changed, by how much, why; and the honest empty page."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.load import SHIPPED_DOMAINS
from kpi_lib.reporting import display
from kpi_lib.reporting.restated import grouped, largest
from kpi_lib.reporting.restated_data import load_changes
from tests.restated_sample import FIRST, NEWEST, RestatedWh, restated_row


def test_nothing_changed_says_since_when() -> None:
    page = display.restatements(RestatedWh())
    assert display.headline(page).plain.startswith(
        "Nothing that was published has changed since 14 Nov 2026\n2 publications so far, the newest on"
    )
    assert "has another value today" in display.table(page, "changes").plain
    first = display.headline(display.restatements(RestatedWh(moments=(FIRST,)))).plain
    assert "It is the first one, so there is nothing yet to hold it against." in first


def test_only_some_weeks_are_looked_at() -> None:
    wh = RestatedWh(moments=(pd.Timestamp("2026-01-05T08:00:00Z"), NEWEST))
    assert load_changes(wh).since == dt.datetime(2026, 10, 17, 8, 10, tzinfo=dt.UTC)
    assert wh.asked == [dt.datetime(2026, 10, 17, 8, 10, tzinfo=dt.UTC)]


def test_a_change_shows_old_new_difference_cause_and_when() -> None:
    earlier = restated_row(as_of_date=pd.Timestamp("2026-11-18"), old=400_000.0, new=400_004.0)
    page = display.restatements(RestatedWh([restated_row(), earlier]))
    text = display.headline(page).plain
    assert text.startswith("2 published figures changed with the newest publication")
    assert "month to date as of 19 Nov 2026, was $412,380 and is now $413,620, by late data." in text
    table = display.table(page, "changes")
    assert "Late data" in table.plain and "2 figures in reports of 2 days." in table.plain
    for part in ("$412,380.00", "$413,620.50", "+$1,240.50", "21 Nov 2026", "19 Nov 2026"):
        assert part in table.plain, part
    assert "and 1 earlier report" in table.html and "$400,004" not in table.plain


def test_causes_are_apart_and_missing_values_have_a_reason() -> None:
    rows = [
        restated_row(),
        restated_row(
            kpi_code="total_visitors", cause="correction", old=10.0, new=None, new_reason="withdrawn"
        ),
        restated_row(cause="definition", kpi_code="club_conversion_per_taster_pct", old=3.0, new=3.5),
        restated_row(measure="prior", cause="something_else"),
    ]
    html = display.table(display.restatements(RestatedWh(rows)), "changes").html
    places = [html.index(f'id="cause-{name}"') for name in ("late-data", "correction", "definition")]
    assert places == sorted(places) and 'id="cause-something-else"' in html
    assert "not published" in html and "+0.5\u00a0pp" in html and "Month to date, a year earlier" in html


def test_older_changes_are_told_apart_from_the_newest() -> None:
    page = display.restatements(RestatedWh([restated_row(published_at=FIRST)]))
    assert display.headline(page).plain.startswith(
        "Nothing changed with the newest publication; 1 published figure did since 14 Nov 2026"
    )


def test_the_largest_is_by_share_and_never_against_nothing() -> None:
    changes = load_changes(
        RestatedWh(
            [
                restated_row(),
                restated_row(kpi_code="total_visitors", old=10.0, new=20.0),
                restated_row(old=0.0, new=5.0),
            ]
        )
    ).changes
    top = largest(changes)
    assert top is not None and top.kpi.code == "total_visitors"
    assert largest(changes[2:]) is None and len(grouped(changes)) == 2


@pytest.mark.parametrize(("second", "count"), [(102.0, 1), (100.0, 0), (None, 1)])
def test_a_scorecard_is_held_against_itself_published_earlier(second: float | None, count: int) -> None:
    market = load_catalogue(SHIPPED_DOMAINS / "marketplace")
    history = pd.DataFrame(
        [
            {"as_of_date": pd.Timestamp("2026-11-20"), "metric_key": key, "metric_value": value,
             "department": department, "updated_at": moment}
            for moment, value in ((FIRST, 100.0), (NEWEST, second))
            for key, department in (("revenue_ytd", "company"), ("person_revenue_ytd", "ceo"))
        ]
    )  # fmt: skip
    page = display.restatements(RestatedWh(catalogue=market, history=history))
    assert len(page.data.changes) == count
    if count:
        table = display.table(page, "changes")
        assert "Worked out again" in table.plain and "$100" in table.plain
        assert "does not tell late data from a correction" in table.plain
