"""Many days at once say what each day's own build says; and the history that a backfill writes."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.domains.marketplace.sample import make
from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.pipeline import scorecard
from kpi_lib.pipeline.scorecard_days import on_days, trend_dates
from kpi_lib.pipeline.scorecard_history import fill_history
from kpi_lib.warehouse import DuckDBWarehouse, load_sources, write_sources
from kpi_lib.warehouse.each_day import DayTable, Question, ask_each_day
from kpi_lib.warehouse.reader import Reader
from kpi_lib.warehouse.tables import SCORECARD, SCORECARD_HISTORY, SCORECARD_TREND, physical_layers

AS_OF = dt.date(2026, 11, 20)
FIRST = dt.date(2022, 1, 1)
NOW = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)
CATALOGUE = load_catalogue(SHIPPED_DOMAINS / "marketplace")
CARD = load_scorecard(CATALOGUE.folder)
TABLES = (SCORECARD, SCORECARD_HISTORY, SCORECARD_TREND)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    sample = make(AS_OF)
    write_sources(sample.frames, CATALOGUE, folder, sample.manifest)
    return folder


@pytest.fixture(scope="module")
def built_once(landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse file with the tables of the newest day; copied, never changed."""
    file = tmp_path_factory.mktemp("built") / "test.duckdb"
    with DuckDBWarehouse.open(file, physical_layers(CATALOGUE)) as opened:
        load_sources(opened, CATALOGUE, landing)
        scorecard.build_tables(opened, CATALOGUE, AS_OF)
    return file


@pytest.fixture
def warehouse(built_once: Path, tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    file = shutil.copy(built_once, tmp_path)
    with DuckDBWarehouse.open(file, physical_layers(CATALOGUE)) as opened:
        yield opened


def refresh(warehouse: DuckDBWarehouse, catalogue: Catalogue = CATALOGUE) -> pd.DataFrame:
    return scorecard.refresh(warehouse, catalogue, AS_OF, NOW, first_day=FIRST)


def history(warehouse: DuckDBWarehouse) -> pd.DataFrame:
    return warehouse.query(f"SELECT * FROM {SCORECARD_HISTORY} ORDER BY as_of_date, metric_key, person_name")


def one_by_one(warehouse: DuckDBWarehouse, days: list[dt.date]) -> pd.DataFrame:
    """The plain way: every view built and every metric asked for each day."""
    dated = {metric.key for metric in CARD.metrics if metric.dated}
    frames = []
    for day in days:
        scorecard.build_tables(warehouse, CATALOGUE, day)
        frame = scorecard.refresh(warehouse, CATALOGUE, day, NOW, first_day=day)
        frames.append(frame[frame["metric_key"].isin(dated)].assign(as_of_date=pd.Timestamp(day)))
    columns = ["as_of_date", "metric_key", "person_name", "metric_value"]
    return pd.concat(frames, ignore_index=True)[columns].astype({"as_of_date": "datetime64[s]"})


def test_many_days_at_once_are_each_day_s_own_build(warehouse: DuckDBWarehouse) -> None:
    days = [
        dt.date(2021, 12, 31), FIRST, dt.date(2022, 1, 31), dt.date(2022, 12, 31), dt.date(2023, 1, 1),
        dt.date(2023, 6, 17), dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 12, 31),
        dt.date(2025, 2, 28), dt.date(2025, 11, 20), dt.date(2026, 1, 1), dt.date(2026, 7, 5), AS_OF,
    ]  # fmt: skip
    found = on_days(warehouse, CATALOGUE, CARD, days)
    assert found["metric_value"].notna().sum() > 120 and found["metric_value"].isna().any()
    pd.testing.assert_frame_equal(found, one_by_one(warehouse, days), check_exact=True)


def test_a_warehouse_that_asks_day_by_day_says_the_same(warehouse: DuckDBWarehouse) -> None:
    class OneByOne:
        """A warehouse of another engine, as far as these questions go."""

        layers = warehouse.layers
        query, columns = warehouse.query, warehouse.columns

    days = [dt.date(2024, 2, 29), dt.date(2025, 12, 31), AS_OF]
    other = on_days(OneByOne(), CATALOGUE, CARD, days)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(other, on_days(warehouse, CATALOGUE, CARD, days), check_exact=True)


def test_the_trend_holds_month_ends_and_what_pace_needs(warehouse: DuckDBWarehouse) -> None:
    refresh(warehouse)
    trend = warehouse.query(f"SELECT * FROM {SCORECARD_TREND}")
    days = {day.date() for day in trend["as_of_date"]}
    assert days == set(trend_dates(CATALOGUE, AS_OF, FIRST)) and len(days) == 25
    assert {dt.date(2025, 11, 20), dt.date(2025, 12, 31), dt.date(2026, 10, 31)} <= days
    assert len(trend) == 25 * sum(metric.dated for metric in CARD.metrics)


def test_a_backfill_writes_each_day_once(warehouse: DuckDBWarehouse) -> None:
    newest = refresh(warehouse)
    dates = (dt.date(2024, 12, 28), dt.date(2025, 1, 3))
    dated = sum(metric.dated for metric in CARD.metrics)
    assert fill_history(warehouse, CATALOGUE, dates, LATER) == 7 * dated
    once = history(warehouse)
    assert fill_history(warehouse, CATALOGUE, dates, LATER + dt.timedelta(days=1)) == 0
    pd.testing.assert_frame_equal(once, history(warehouse))
    # A range that reaches further adds only what is new.
    assert fill_history(warehouse, CATALOGUE, (dt.date(2024, 12, 27), dates[1]), LATER) == dated
    written = history(warehouse)
    written = written[written["as_of_date"].dt.date.between(*dates)].reset_index(drop=True)
    plain = one_by_one(warehouse, [day.date() for day in pd.date_range(*dates)])
    both = written.merge(plain, on=["as_of_date", "metric_key", "person_name"], validate="one_to_one")
    assert len(both) == 7 * dated
    assert both["metric_value_x"].equals(both["metric_value_y"])
    assert written["fiscal_year"].eq(written["as_of_date"].dt.year).all()
    kinds = {metric.key: (metric.format, metric.department) for metric in CARD.metrics}
    rows = zip(written["metric_key"], written["metric_format"], written["department"], strict=True)
    assert all(kinds[key] == (form, department) for key, form, department in rows)
    assert len(newest) == 16


def test_the_newest_stays_and_earlier_years_can_be_asked_for(warehouse: DuckDBWarehouse) -> None:
    newest = refresh(warehouse)
    fill_history(warehouse, CATALOGUE, (dt.date(2025, 12, 30), dt.date(2025, 12, 31)), LATER)
    table = warehouse.query(f"SELECT * FROM {SCORECARD}")
    pd.testing.assert_frame_equal(table, newest, check_dtype=False)
    reader = Reader(warehouse, CATALOGUE, Path("unused"))
    last_year = reader.scorecard(fiscal_year=2025)
    keys = [metric.key for metric in CARD.metrics if metric.dated]
    assert last_year["metric_key"].tolist() == keys
    revenue = dict(zip(last_year["metric_key"], last_year["metric_value"], strict=True))["revenue_ytd"]
    assert revenue == pytest.approx(
        reader.detail("net_revenue_retention_all_customers")["net_revenue_2025"].sum()
    )
    with pytest.raises(UsageError, match="2024"):
        reader.scorecard(fiscal_year=2024)


def test_a_late_invoice_is_a_further_row_not_another_past(warehouse: DuckDBWarehouse) -> None:
    refresh(warehouse)
    day = dt.date(2025, 12, 31)
    fill_history(warehouse, CATALOGUE, (day, day), NOW)
    late = "SELECT * REPLACE (IF(date_key > DATE '2025-12-01', amount * 2, amount) AS amount)"
    warehouse.build("mart.revenue_line", f"{late} FROM mart.revenue_line")
    doubled = fill_history(warehouse, CATALOGUE, (day, day), LATER)
    rows = history(warehouse)
    revenue = rows[(rows["metric_key"] == "revenue_ytd") & (rows["as_of_date"] == pd.Timestamp(day))]
    assert 0 < doubled < len(CARD.metrics) and len(revenue) == 2
    shown = Reader(warehouse, CATALOGUE, Path("unused")).scorecard(fiscal_year=2025)
    assert shown.loc[0, "metric_key"] == "revenue_ytd"
    assert shown.loc[0, "metric_value"] == revenue.sort_values("updated_at")["metric_value"].iloc[-1]
    assert not shown.duplicated(["metric_key", "person_name"]).any()


OF_DATES = "SELECT 1.5 AS metric_value FROM mart.dim_date WHERE date_key = @as_of"


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        (f"{OF_DATES} AND date_key > DATE '2026-01-31'", "2024-11-30"),
        (f"{OF_DATES} OR (date_key = DATE '2025-06-30' AND @as_of < DATE '2026-01-01')", "2024-11-30"),
        ("SELECT IF(@as_of < DATE '2025-06-30', CAST('NaN' AS FLOAT64), 1.0) AS metric_value", "2024-11-30"),
        ("SELECT IF(@as_of = DATE '2025-06-30', CAST('inf' AS FLOAT64), 1.0) AS metric_value", "2025-06-30"),
    ],
)
def test_a_metric_that_fails_only_in_the_past_is_named_with_the_day(
    warehouse: DuckDBWarehouse, sql: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = refresh(warehouse)
    metrics = tuple(
        metric.model_copy(update={"text": sql}) if metric.key == "customer_count" else metric
        for metric in CARD.metrics
    )
    monkeypatch.setattr(scorecard, "load_scorecard", lambda _: CARD.model_copy(update={"metrics": metrics}))
    with pytest.raises(DefinitionError, match=f"customer_count: on {shown}"):
        refresh(warehouse)
    pd.testing.assert_frame_equal(warehouse.query(f"SELECT * FROM {SCORECARD}"), before, check_dtype=False)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1.5 AS metric_value FROM mart.dim_date WHERE FALSE", "it gave no row"),
        ("SELECT 1.5 AS metric_value FROM mart.dim_date WHERE fiscal_year = 2026 LIMIT 2", "it gave 2 rows"),
        ("SELECT 'many' AS metric_value", "not a number"),
        ("SELECT CAST('NaN' AS FLOAT64) AS metric_value", "no finite number"),
    ],
)
def test_a_refused_answer_leaves_every_table_as_it_was(
    warehouse: DuckDBWarehouse, sql: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(warehouse)
    held = {name: warehouse.query(f"SELECT * FROM {name}") for name in TABLES}
    metrics = [item.model_copy(update={"text": sql} if item.key == "nrr" else {}) for item in CARD.metrics]
    monkeypatch.setattr(scorecard, "load_scorecard", lambda _: CARD.model_copy(update={"metrics": metrics}))
    with pytest.raises(DefinitionError, match=f"nrr: .*{said}"):
        scorecard.refresh(warehouse, CATALOGUE, AS_OF, LATER, first_day=FIRST)
    for name, frame in held.items():
        pd.testing.assert_frame_equal(frame, warehouse.query(f"SELECT * FROM {name}"))


def test_a_question_has_its_own_parameters_and_quoted_text_is_text(warehouse: DuckDBWarehouse) -> None:
    table = DayTable("mart.soon", "SELECT DATE_ADD(@as_of, INTERVAL 1 DAY) AS day", {"day": "DATE"})
    questions = [
        Question(
            "SELECT CONCAT(@who, ' says $as_of and it\\'s @who') AS said, day FROM mart.soon", {"who": name}
        )
        for name in ("Ann", "Bo")
    ]
    days = [dt.date(2026, 2, 28), dt.date(2026, 12, 31)]
    found = ask_each_day(warehouse, days, questions, [table]).sort_values(["as_of_date", "place"])
    assert found["said"].tolist() == ["Ann says $as_of and it's @who", "Bo says $as_of and it's @who"] * 2
    assert found["day"].dt.strftime("%m-%d").tolist() == ["03-01", "03-01", "01-01", "01-01"]
