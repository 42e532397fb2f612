"""The scorecard's definitions and ``dashboard_kpis``: what is wrong is named, all of it, and refused."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue.dashboard_kpis import (
    DASHBOARD_KPIS,
    dashboard_kpis,
    fiscal_years,
    metric_queries,
    render_sql,
)
from kpi_lib.catalogue.scorecard import Scorecard, load_scorecard
from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.warehouse.duck import DuckDBWarehouse
from tests.marketplace_bench import FOLDER

NOW = dt.datetime(2026, 11, 21, 0, 5, tzinfo=dt.timezone(dt.timedelta(hours=-8)))
AS_OF = dt.date(2026, 11, 20)
METRIC = """
[[metrics]]
key = "{key}"
label = "Any"
format = "number"
department = "{department}"
definition = "Any."
why = "Any."
formula = "any"
edge_cases = "None."
source = "any"
page = "any"
sql = "{key}.sql"
{more}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "marketplace"))


def edit(file: Path, old: str, new: str, count: int = 1) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, count))


def make(
    folder: Path, sql: str, *, key: str = "any", department: str = "company", more: str = "", owners: str = ""
) -> Path:
    """Write a domain with one metric."""
    (folder / "sql" / "metrics").mkdir(parents=True, exist_ok=True)
    (folder / "metrics.toml").write_text(METRIC.format(key=key, department=department, more=more))
    (folder / "sql" / "metrics" / f"{key}.sql").write_text(sql)
    if owners:
        (folder / "owners.csv").write_text(f"metric_key,department,person_name\n{owners}")
    return folder


def problems(folder: Path) -> str:
    with pytest.raises(DefinitionError) as caught:
        load_scorecard(folder)
    return str(caught.value)


def ask(card: Scorecard, folder: Path) -> pd.DataFrame:
    with DuckDBWarehouse.open(folder / "w.duckdb", {"kpi": "kpi"}) as warehouse:
        queries = metric_queries(card, fiscal_year=2026, as_of=AS_OF, time_zone="UTC")
        answers = [(query, warehouse.query(query.sql, query.params)) for query in queries]
    return dashboard_kpis(answers, fiscal_year=2026, updated_at=NOW)


# Definitions


def test_the_marketplace_s_scorecard() -> None:
    card = load_scorecard(FOLDER)
    assert len(card.metrics) == 16
    assert len(card.views) == 10
    assert card.metric("nrr").unit == "fraction"
    assert card.metric("revenue_ytd").unit is None
    assert [owner.person_name for owner in card.owners_of("person_nps")] == ["Claire"]
    assert [metric.key for metric in card.metrics if metric.beside] == [
        "nrr_to_date", "pipeline_coverage_remaining_quarter", "logo_retention_to_date",
    ]  # fmt: skip
    with pytest.raises(DefinitionError, match="Did you mean 'nrr'"):
        card.metric("nnr")
    with pytest.raises(DefinitionError, match="Did you mean 'customer_development'"):
        card.view("customer_developments")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("metrics.toml", 'key = "take_rate"', 'key = "nrr"', "'nrr' is defined 2 times"),
        (
            "metrics.toml",
            'beside = "nrr"',
            'beside = "nr"',
            "metrics.toml: nrr_to_date.beside: there is no 'nr'. Did you mean 'nrr'?",
        ),
        (
            "metrics.toml",
            'view = "open_pipeline"',
            'view = "pipeline"',
            "pipeline_coverage.view: there is no 'pipeline'",
        ),
        (
            "metrics.toml",
            'sql = "take_rate.sql"',
            'sql = "rate.sql"',
            "metrics[take_rate].sql: there is no file sql/metrics/rate.sql",
        ),
        (
            "metrics.toml",
            'sql = "models/customer.sql"',
            'sql = "c.sql"',
            "models[mart.customer].sql: there is no file sql/c.sql",
        ),
        ("metrics.toml", 'format = "multiplier"', 'format = "times"', "metrics[pipeline_coverage].format"),
        (
            "metrics.toml",
            "decimals = 2\nphased",
            "decimal = 2\nphased",
            "metrics[revenue_ytd].decimal: Extra inputs are not permitted. Did you mean 'decimals'",
        ),
        ("metrics.toml", "[defaults]", "[default]", "default: this key is unknown. Did you mean 'defaults'"),
        ("metrics.toml", "[[views]]", "[[views]", "this is not valid TOML"),
        (
            "owners.csv",
            "person_nps,organizer success,Claire\n",
            "",
            "owners.csv: person_nps: it has no owner",
        ),
        ("owners.csv", "person_nps", "nps", "owners.csv: nps: there is no such metric"),
        (
            "owners.csv",
            "organizer success",
            "support",
            "the department is 'support', but 'organizer success' in metrics.toml",
        ),
        (
            "owners.csv",
            "person_nps,organizer success",
            "customer_count,company",
            "nobody answers for a company metric, not Claire",
        ),
        ("owners.csv", "Claire", "", "owners.csv: line 8.person_name: Field required"),
        (
            "owners.csv",
            "Claire",
            "Claire\nperson_nps,organizer success,Jack",
            "person_nps: 2 people answer for it: Claire, Jack. Keep one line",
        ),
        (
            "sql/metrics/nrr.sql",
            "{prior_fiscal_year}",
            "{last_fiscal_year}",
            "{last_fiscal_year}: this placeholder is unknown. Did you mean",
        ),
        (
            "sql/metrics/nrr.sql",
            "-- This",
            "-- @person_name",
            "person_column: a person's own column goes with @person_name in nrr.sql",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_key_and_remedy(
    folder: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(folder / file, old, new)
    assert said in problems(folder)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    edit(folder / "metrics.toml", 'beside = "nrr"', 'beside = "nr"')
    edit(folder / "metrics.toml", 'view = "open_pipeline"', 'view = "pipeline"')
    edit(folder / "owners.csv", "organizer success", "support")
    with pytest.raises(DefinitionError, match="3 problems in the scorecard") as caught:
        load_scorecard(folder)
    assert len(caught.value.issues) == 3


def test_files_that_are_missing_or_unreadable(tmp_path: Path) -> None:
    assert "metrics.toml: the file is missing" in problems(tmp_path)
    make(tmp_path, "SELECT 1 AS metric_value")
    (tmp_path / "owners.csv").write_bytes(b"metric_key,\xff\xfe")
    assert "owners.csv: it cannot be read" in problems(tmp_path)
    (tmp_path / "metrics.toml").write_text("metrics = 3")
    assert "metrics: this must be a list of tables. Write [[metrics]]" in problems(tmp_path)
    (tmp_path / "owners.csv").unlink()
    (tmp_path / "metrics.toml").write_text("")
    assert "no metric is defined" in problems(tmp_path)


# Placeholders


def test_years_are_filled_in_line_by_line() -> None:
    text = "SELECT a,\n  x_{year} AS y_{year},\n  n_{fiscal_year} - n_{prior_fiscal_year} AS d\nWHERE m{2}"
    assert render_sql(text, 2026, (2025, 2026)) == (
        "SELECT a,\n  x_2025 AS y_2025,\n  x_2026 AS y_2026,\n  n_2026 - n_2025 AS d\nWHERE m{2}"
    )


@pytest.mark.parametrize("year", [1899, 3000, "2026", True, 2026.0, None, "2026; DROP TABLE x"])
def test_only_years_are_filled_in(year: object) -> None:
    with pytest.raises(UsageError, match="is no fiscal year"):
        render_sql("SELECT {fiscal_year}", year)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is no fiscal year"):
        render_sql("SELECT {year}", 2026, [year])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("present", "years"),
    [((), (2025, 2026)), ((2026,), (2025, 2026)), ((2022, 2026, 2024), (2022, 2023, 2024, 2025, 2026)),
     ((2024, 2027, 2030), (2024, 2025, 2026))],
)  # fmt: skip
def test_the_years_that_get_a_column(present: tuple[int, ...], years: tuple[int, ...]) -> None:
    assert fiscal_years(present, 2026) == years


# The frame


def test_the_frame_has_the_seed_s_schema(tmp_path: Path) -> None:
    make(tmp_path, "SELECT 3 AS metric_value", key="one")
    frame = ask(load_scorecard(tmp_path), tmp_path)
    assert list(frame.columns) == list(DASHBOARD_KPIS)
    assert frame.iloc[0].drop("updated_at").tolist()[:4] == ["one", 3.0, "number", "company"]
    assert frame["person_name"].isna().all()
    assert frame["updated_at"].tolist() == [pd.Timestamp("2026-11-21 08:05", tz="UTC")]
    assert dict(frame.dtypes.astype(str)) == {
        "metric_key": "str", "metric_value": "float64", "metric_format": "str", "department": "str",
        "person_name": "str", "fiscal_year": "int64", "updated_at": "datetime64[us, UTC]",
    }  # fmt: skip


def test_no_value_is_null(tmp_path: Path) -> None:
    make(tmp_path, "SELECT SAFE_DIVIDE(1.0, 0.0) AS metric_value -- a comment at the end")
    assert ask(load_scorecard(tmp_path), tmp_path)["metric_value"].isna().tolist() == [True]


def test_a_metric_of_a_person_s_own_rows_is_asked_for_each_owner(tmp_path: Path) -> None:
    make(
        tmp_path,
        "SELECT COUNTIF(who = @person_name) AS metric_value "
        "FROM UNNEST(['Desk A', 'Desk B', 'Desk B']) AS who",
        department="sales",
        more='person_column = "who"',
        owners="any,sales,Desk A\nany,sales,Desk B\n",
    )
    frame = ask(load_scorecard(tmp_path), tmp_path)
    assert list(zip(frame["person_name"], frame["metric_value"], strict=True)) == [
        ("Desk A", 1),
        ("Desk B", 2),
    ]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 AS metric_value FROM UNNEST([1]) AS x WHERE FALSE", "any: it gave no row."),
        ("SELECT x AS metric_value FROM UNNEST([1, 2]) AS x", "any: it gave 2 rows."),
        ("SELECT '12' AS metric_value", "any: it gave str, not a number."),
        ("SELECT CAST(NULL AS STRING) AS metric_value", "any: it gave str, not a number."),
        ("SELECT TRUE AS metric_value", "any: it gave bool, not a number."),
        ("SELECT DATE '2026-01-01' AS metric_value", "not a number."),
        ("SELECT CAST('nan' AS FLOAT64) AS metric_value", "any: it gave nan, which is no finite number."),
        ("SELECT CAST('inf' AS FLOAT64) AS metric_value", "any: it gave inf, which is no finite number."),
        ("SELECT 1 AS value", "metric_value"),
    ],
)
def test_an_answer_that_is_no_single_number_is_refused(tmp_path: Path, sql: str, said: str) -> None:
    make(tmp_path, sql)
    with pytest.raises(DefinitionError) as caught:
        ask(load_scorecard(tmp_path), tmp_path)
    assert said in str(caught.value)


def test_all_bad_answers_are_told_together() -> None:
    card = load_scorecard(FOLDER)
    queries = metric_queries(card, fiscal_year=2026, as_of=AS_OF, time_zone="UTC")
    good = pd.DataFrame({"metric_value": [1.0], "is_missing": [False]})
    spoil: dict[str, Callable[[], pd.DataFrame]] = {
        "nrr": lambda: good.iloc[:0],
        "take_rate": lambda: good.assign(metric_value=np.nan),
        "customer_count": lambda: good.rename(columns={"metric_value": "value"}),
    }
    answers = [(query, spoil.get(query.metric.key, lambda: good)()) for query in queries]
    with pytest.raises(DefinitionError, match="3 problems in the metrics") as caught:
        dashboard_kpis(answers, fiscal_year=2026, updated_at=NOW)
    assert {problem.key for problem in caught.value.issues} == set(spoil)  # type: ignore[attr-defined]


def test_the_time_of_the_refresh_needs_a_zone() -> None:
    with pytest.raises(UsageError, match="no zone"):
        dashboard_kpis([], fiscal_year=2026, updated_at=dt.datetime(2026, 11, 21))  # noqa: DTZ001
