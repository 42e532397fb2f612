"""The procedure that refreshes dashboard_kpis within BigQuery: same figures, valid SQL, shipped file."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import BigQueryProfile, Catalogue, load_catalogue, load_settings
from kpi_lib.catalogue.dashboard_kpis import DASHBOARD_KPIS
from kpi_lib.errors import UsageError
from kpi_lib.pipeline.scheduled_query import VARIABLES, plan, script, text
from kpi_lib.warehouse.tables import PARAMETERS
from tests.marketplace_bench import FOLDER, ZONE, Bench

ROOT = Path(__file__).parents[2]
FILE = ROOT / "scheduled" / "google-cloud" / "dashboard_kpis.sql"
DAY = dt.date(2026, 6, 30)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue("marketplace")


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> BigQueryProfile:
    """The example profile of the shipped kpi.toml."""
    lines = (ROOT / "kpi.toml").read_text().splitlines()
    file = tmp_path_factory.mktemp("settings") / "kpi.toml"
    file.write_text(
        "\n".join(line.removeprefix("# ") for line in lines[lines.index("# [profiles.sandbox]") :])
    )
    profile = load_settings(file).profile("prod")
    assert isinstance(profile, BigQueryProfile)
    return profile


def test_the_shipped_file_is_what_the_command_writes(catalogue: Catalogue, prod: BigQueryProfile) -> None:
    assert FILE.read_text() == script(catalogue, prod, dt.date(2026, 11, 20))


@pytest.mark.parametrize("owns_views", [False, True])
def test_the_figures_are_those_of_the_night(catalogue: Catalogue, tmp_path: Path, owns_views: bool) -> None:
    with Bench(tmp_path) as bench:
        bench.customers("1", "2")
        bench.sale("1", "2026-03-02", 1200.5)
        bench.sale("1", "2025-03-02", 1000)
        bench.sale("2", "2025-04-02", 300)
        bench.deal("2026-09-01", 5000)
        bench.run(DAY.isoformat())
        wanted = bench.answer(DAY)
        made = plan(catalogue, DAY, owns_views=owns_views)
        params = {"as_of": DAY, "fiscal_year": 2026, "time_zone": ZONE}
        for step in made.steps:
            bench.warehouse.build(step.table, step.sql, params)
        found = bench.warehouse.query(made.answers, params)
    assert made.rows == len(wanted) > 10
    keys = ["metric_key", "person_name"]
    columns = [*keys, "metric_value", "metric_format", "department"]
    pd.testing.assert_frame_equal(
        found[columns].sort_values(keys, ignore_index=True),
        wanted[columns].sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    assert found["metric_value"].notna().sum() > 3


def test_deployed_views_are_read_unless_they_are_ours(catalogue: Catalogue, prod: BigQueryProfile) -> None:
    view = "net_revenue_retention_all_customers"
    read = script(catalogue, prod, DAY)
    assert f"FROM `example-reporting.marketplace_kpi.{view}`" in read
    own = script(catalogue, prod.model_copy(update={"owns_views": True}), DAY)
    assert f"CREATE OR REPLACE TEMP TABLE kpi_{view} AS" in own
    assert f"FROM kpi_{view}" in own


def test_no_name_or_parameter_is_left_over(catalogue: Catalogue, prod: BigQueryProfile) -> None:
    code = re.sub(r"--.*", "", script(catalogue, prod, DAY))
    assert not re.search(r"@\w", code)
    assert not re.search(r"\{\w+\}", code)
    assert not re.search(r"(?<![\w.`'])(mart|kpi|ops|raw|src_\w+)\.\w", code)
    # A variable that a column could hide would make every comparison true.
    columns = {name for source in catalogue.sources for name in (column.name for column in source.columns)}
    assert not set(VARIABLES.values()) & columns


def test_another_fiscal_year_refuses_to_run(catalogue: Catalogue, prod: BigQueryProfile) -> None:
    assert "ASSERT run_fiscal_year = 2027 AS" in script(catalogue, prod, dt.date(2027, 2, 1))


def test_it_is_written_in_one_transaction(catalogue: Catalogue, prod: BigQueryProfile) -> None:
    made = script(catalogue, prod, DAY)
    begin, commit = made.index("BEGIN TRANSACTION;"), made.index("COMMIT TRANSACTION;")
    written = [found.start() for found in re.finditer(r"^(DELETE|INSERT)", made, re.MULTILINE)]
    assert len(written) == 5
    assert all(begin < place < commit for place in written)
    assert "PARTITION BY DATE(updated_at)\nCLUSTER BY department, metric_key;" in made


def test_a_domain_without_a_scorecard(prod: BigQueryProfile) -> None:
    with pytest.raises(UsageError, match="'winery' has no scorecard"):
        script(load_catalogue("winery"), prod, DAY)


def test_texts_cannot_leave_their_quotes() -> None:
    assert text("O'Hara \\ x\n") == "'O\\'Hara \\\\ x\\n'"


@pytest.mark.googlesql
@pytest.mark.parametrize("owns_views", [False, True])
def test_googles_analyzer_takes_every_query(
    catalogue: Catalogue, prod: BigQueryProfile, owns_views: bool
) -> None:
    from kpi_lib.catalogue.dashboard_kpis import render_sql
    from kpi_lib.catalogue.scorecard import load_scorecard
    from tests.zetasql_catalog import GoogleSql

    google, card = GoogleSql.of(catalogue), load_scorecard(FOLDER)
    parameters = {**PARAMETERS, "fiscal_year": "INT64"}
    for model in card.models:
        google.add_table(model.table, google.columns_of(FOLDER / "sql" / model.sql, parameters))
    for view in card.views:
        google.add_table(view.table, google.columns(render_sql(view.text, 2026, (2025, 2026)), parameters))
    made = script(catalogue, prod.model_copy(update={"owns_views": owns_views}), DAY)
    selects = re.findall(r"CREATE OR REPLACE TEMP TABLE (\w+) AS\n(.*?);\n\n", made, re.DOTALL)
    assert selects[-1][0] == "answers"
    assert len(selects) > 3
    for name, sql in selects:
        columns = google.columns(as_analyzed(sql, dict(selects)), parameters)
        if name == "answers":
            assert columns == {key: DASHBOARD_KPIS[key] for key in columns}
            assert len(columns) == 5
        else:
            assert columns == google.tables[name.replace("_", ".", 1)]


def as_analyzed(sql: str, own: dict[str, str]) -> str:
    """Put logical names and parameters back: the analyzer knows tables by those."""
    sql = re.sub(r"`example-reporting\.marketplace_(\w+?)\.(\w+)`", r"\1.\2", sql)
    sql = re.sub(r"`example-reporting\.(\w+)\.(\w+)`", r"\1.\2", sql)
    for name in own:
        sql = re.sub(rf"\b{name}\b", name.replace("_", ".", 1), sql)
    for parameter, variable in VARIABLES.items():
        sql = re.sub(rf"\b{variable}\b", f"@{parameter}", sql)
    return sql
