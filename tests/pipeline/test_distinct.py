"""A domain of a user's own that counts guests: named events, through the night, to known numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.compute import rollup
from kpi_lib.pipeline.events import read_events
from kpi_lib.quality.derived import derive
from kpi_lib.warehouse import DuckDBWarehouse, write_sources
from kpi_lib.warehouse.rollup import load_spans, rollup_in_warehouse
from kpi_lib.warehouse.tables import physical_layers

from .conftest import call

FILES = {
    "domain.toml": """
title = "Quayside Stalls"
mart = "mart.agg_daily_visit"
events = "mart.guest_seen"
headline = "visits"
[calendar]
time_zone = "America/Los_Angeles"
[[groups]]
code = "traffic"
name = "Traffic"
[[models]]
table = "mart.agg_daily_visit"
sql = "agg_daily_visit.sql"
date_column = "date_key"
[[models]]
table = "mart.guest_seen"
sql = "guest_seen.sql"
date_column = "date_key"
""",
    "kpis.toml": """
[[kpis]]
id = 1
code = "visits"
name = "Visits"
group = "traffic"
kind = "sum"
definition = "Visits."
[[kpis]]
id = 2
code = "guests"
name = "Guests"
group = "traffic"
kind = "distinct"
definition = "Guests, each counted once in a window."
""",
    "entities.csv": "id,code,name,type,parent\n0,ALL,All,all,\n1,NORTH,North,stall,ALL\n"
    "2,SOUTH,South,stall,ALL\n",
    "sources.toml": """
[[sources]]
name = "visit"
key = ["visit_id"]
date_column = "visit_date"
personal = ["guest_id"]
[sources.columns]
visit_id = "INT64!"
visit_date = "DATE!"
stall = "INT64!"
guest_id = "STRING"
""",
    "sql/agg_daily_visit.sql": """
SELECT d.date_key, e.entity_id,
  CAST(COUNTIF(v.stall IS NOT NULL AND e.entity_id IN (0, v.stall)) AS FLOAT64) AS visits
FROM mart.dim_date AS d
CROSS JOIN kpi.dim_entity AS e
LEFT JOIN raw.visit AS v ON v.visit_date = d.date_key
WHERE d.date_key BETWEEN @first_day AND @last_day
GROUP BY d.date_key, e.entity_id
""",
    "sql/guest_seen.sql": """
SELECT visit_date AS date_key, 2 AS kpi_id, stall AS entity_id, guest_id AS member_id
FROM raw.visit
""",
}
VISITS = [
    # (day of November 2026, stall, guest)
    (2, 1, "a"),
    (2, 1, "a"),
    (2, 2, "a"),
    (2, 2, "b"),
    (4, 1, "c"),
    (5, 1, "a"),
    (5, 2, "c"),
]
LAST = 6


def new_stalls(place: Path) -> Path:
    folder = place / "stalls"
    for name, text in FILES.items():
        file = place / "domains" / "stalls" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    folder.mkdir()
    (folder / "kpi.toml").write_text(
        f'domains = ["stalls"]\ndomain_folders = ["{place / "domains"}"]\n[site]\ntitle = "Stalls"\n'
    )
    return folder


@pytest.fixture
def stalls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one domain of its own; the current folder of the test."""
    folder = new_stalls(tmp_path)
    monkeypatch.chdir(folder)
    land(folder, VISITS)
    return folder


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Such a project after a night; read, never changed."""
    folder = new_stalls(tmp_path_factory.mktemp("made"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        land(folder, VISITS)
        outcome = call("nightly", "--renderer", "embedded")
        assert outcome.code == 0, outcome.err
    return folder


@pytest.fixture
def made(made_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made_once)
    return made_once


def land(folder: Path, visits: list[tuple[int, int, str | None]], last: int = LAST) -> None:
    frame = pd.DataFrame(visits, columns=["day", "stall", "guest_id"])
    frame["visit_id"] = range(1, len(frame) + 1)
    frame["visit_date"] = [dt.date(2026, 11, day) for day in frame["day"]]
    loaded = {
        "loaded_from": "2026-11-01",
        "complete_through": f"2026-11-{last:02d}",
        "loaded_at": "2026-11-21T06:00:00Z",
    }
    place = folder / "data" / "landing" / "stalls"
    write_sources({"visit": frame.drop(columns="day")}, load_catalogue("stalls"), place, {"visit": loaded})


def table(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as con:
        return con.sql(sql).fetchall()


def test_guests_are_counted_once_by_day_by_window_and_by_parent(made: Path) -> None:
    daily = "select entity_id, list(value order by date_key) from stalls_kpi.fact_kpi_daily where kpi_id = 2"
    assert table(made, f"{daily} group by 1 order by 1") == [
        (0, [0.0, 2.0, 0.0, 1.0, 2.0, 0.0]),
        (1, [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]),
        (2, [0.0, 2.0, 0.0, 0.0, 1.0, 0.0]),
    ]
    shown = "select as_of_date, entity_id, mtd_value from stalls_kpi.agg_kpi_dashboard where kpi_id = 2"
    newest = table(made, f"{shown} and as_of_date in ('2026-11-04', '2026-11-06') order by 1, 2")
    assert [(entity, value) for _, entity, value in newest] == [
        (0, 3.0), (1, 2.0), (2, 2.0),
        (0, 3.0), (1, 2.0), (2, 3.0),
    ]  # fmt: skip


def test_the_warehouse_itself_counts_the_same(made: Path, tmp_path: Path) -> None:
    known = load_catalogue("stalls")
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((made / "data" / "warehouse.duckdb").read_bytes())
    loaded = (dt.date(2026, 11, 1), dt.date(2026, 11, LAST))
    with DuckDBWarehouse.open(copy, physical_layers(known)) as warehouse:
        load_spans(warehouse, known, pd.date_range(*loaded).to_numpy())
        theirs = rollup_in_warehouse(warehouse, loaded)
        facts = warehouse.query("SELECT * FROM kpi.fact_kpi_daily")
        events = read_events(warehouse, known, loaded)
    ours = rollup(facts, known, events=events, loaded=loaded)
    pd.testing.assert_frame_equal(theirs, ours, check_dtype=False)


def test_another_guest_on_a_day_of_as_many_is_noticed_and_told_as_a_correction(stalls: Path) -> None:
    assert call("nightly", "--renderer", "embedded").code == 0
    corrected = [(2, 2, "c") if visit == (2, 2, "b") else visit for visit in VISITS]
    land(stalls, [*corrected, (7, 1, "e")], last=7)
    assert call("nightly", "--renderer", "embedded").code == 0
    shown = "select as_of_date, mtd_value from stalls_kpi.agg_kpi_dashboard where kpi_id = 2"
    found = table(stalls, f"{shown} and entity_id = 0 order by 1")
    # Nobody called b was ever there: a and c until the 6th, and e with them on the 7th.
    assert [value for _, value in found] == [0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0]
    noted = "select entity_id, old, new, cause from (select *, value as new,"
    noted += " lag(value) over (partition by kpi_id, entity_id, window_name order by publication_no) as old"
    noted += " from stalls_kpi.kpi_snapshot where as_of_date = '2026-11-06') where kpi_id = 2"
    changed = table(stalls, f"{noted} and window_name = 'mtd' and publication_no = 2 order by 1")
    assert changed == [(0, 3.0, 2.0, "correction"), (2, 3.0, 2.0, "correction")]
    full = table(stalls, "select * exclude payload from stalls_kpi.agg_kpi_dashboard order by 1, 2, 3")
    assert call("build", "--full").code == 0
    again = table(stalls, "select * exclude payload from stalls_kpi.agg_kpi_dashboard order by 1, 2, 3")
    assert again == full


def test_an_event_without_a_member_is_refused_by_row(stalls: Path) -> None:
    land(stalls, [*VISITS, (6, 1, None)])
    outcome = call("nightly", "--renderer", "embedded")
    assert outcome.code == 3
    assert "1 events lack a date, a KPI, an entity or a member" in outcome.err
    assert "date_key=2026-11-06" in outcome.err


def test_a_guest_at_a_stall_that_was_closed_stops_the_night(stalls: Path) -> None:
    entities = stalls.parent / "domains" / "stalls" / "entities.csv"
    entities.write_text(
        "id,code,name,type,parent,closed\n0,ALL,All,all,,\n1,NORTH,North,stall,ALL,\n"
        "2,SOUTH,South,stall,ALL,2026-11-04\n"
    )
    outcome = call("nightly", "--renderer", "embedded")
    assert outcome.code == 3
    assert "no_event_outside_opened_and_closed" in outcome.err
    assert "date_key=2026-11-05" in outcome.err


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("domain.toml", 'events = "mart.guest_seen"\n', "", "'guests' is a distinct count"),
        ("domain.toml", '"mart.guest_seen"\nheadline', '"mart.guests_seen"\nheadline', "'mart.guest_seen'"),
        ("kpis.toml", 'kind = "distinct"', 'kind = "sum"\ncolumn = "visits"', "no KPI is a distinct count"),
        ("sql/guest_seen.sql", "guest_id AS member_id", "guest_id", "events need a column 'member_id'"),
    ],
)
def test_what_is_wrong_with_the_events_is_told_by_check(
    stalls: Path, file: str, old: str, new: str, said: str
) -> None:
    place = stalls.parent / "domains" / "stalls" / file
    assert old in place.read_text()
    place.write_text(place.read_text().replace(old, new))
    outcome = call("check")
    assert outcome.code == 2
    assert said in outcome.out + outcome.err


def test_the_gate_counts_the_guests_of_each_day_itself(made: Path, tmp_path: Path) -> None:
    known = load_catalogue("stalls")
    rule = next(
        item for item in derive(known, dt.date(2026, 11, LAST)) if item.name == "distinct_count_of_each_day"
    )
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((made / "data" / "warehouse.duckdb").read_bytes())
    with DuckDBWarehouse.open(copy, physical_layers(known)) as warehouse:
        assert warehouse.query(rule.sql).empty
        facts = warehouse.query("SELECT * FROM kpi.fact_kpi_daily")
        wrong = (facts["kpi_id"] == 2) & (facts["entity_id"] == 0) & (facts["date_key"] == "2026-11-02")
        warehouse.replace("kpi.fact_kpi_daily", facts.assign(value=facts["value"].mask(wrong, 3.0)))
        found = warehouse.query(rule.sql)
    assert found[["fact_value", "members"]].values.tolist() == [[3.0, 2.0]]
