"""Every SQL file of the marketplace: analyzed by Google, translated for DuckDB, of the declared columns."""

from __future__ import annotations

import pytest

from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.dashboard_kpis import DASHBOARD_KPIS, metric_queries, render_sql
from kpi_lib.catalogue.scorecard import PARAMETERS, Scorecard, load_scorecard
from kpi_lib.quality.reconciliations import read_reconciliations
from kpi_lib.warehouse.dialect import translate
from kpi_lib.warehouse.tables import PARAMETERS as GATE_PARAMETERS
from kpi_lib.warehouse.tables import physical_layers
from tests.marketplace_bench import FOLDER, NOW, SUITES, ZONE, marketplace_catalogue
from tests.zetasql_catalog import GoogleSql

pytestmark = pytest.mark.googlesql

YEARS = (2024, 2025, 2026)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return marketplace_catalogue(tmp_path_factory.mktemp("domain"))


@pytest.fixture(scope="module")
def scorecard() -> Scorecard:
    return load_scorecard(FOLDER)


@pytest.fixture(scope="module")
def google(catalogue: Catalogue, scorecard: Scorecard) -> GoogleSql:
    checker = GoogleSql.of(catalogue)
    for model in scorecard.models:
        checker.add_table(model.table, checker.columns_of(FOLDER / "sql" / model.sql, PARAMETERS))
    for view in scorecard.views:
        checker.add_table(view.table, checker.columns(render_sql(view.text, 2026, YEARS), PARAMETERS))
    checker.add_table("kpi.dashboard_kpis", DASHBOARD_KPIS)
    return checker


def test_each_view_has_the_columns_it_declares(google: GoogleSql, scorecard: Scorecard) -> None:
    for view in scorecard.views:
        assert google.tables[view.table] == view.columns_for(YEARS), view.name


def test_each_metric_gives_one_float(google: GoogleSql, scorecard: Scorecard, catalogue: Catalogue) -> None:
    layers = physical_layers(catalogue)
    for query in metric_queries(scorecard, fiscal_year=2026, as_of=NOW.date(), time_zone=ZONE):
        assert google.columns(query.sql, PARAMETERS) == {"metric_value": "FLOAT64", "is_missing": "BOOL"}
        assert translate(query.sql, layers).parameters <= set(query.params), query.metric.key


def test_every_file_is_used_and_translates(scorecard: Scorecard, catalogue: Catalogue) -> None:
    used = {
        *(model.sql for model in scorecard.models),
        *(f"views/{view.sql}" for view in scorecard.views),
        *(f"metrics/{metric.sql}" for metric in scorecard.metrics),
    }
    files = {str(file.relative_to(FOLDER / "sql")): file for file in (FOLDER / "sql").rglob("*.sql")}
    assert set(files) == used
    for file in files.values():
        translate(render_sql(file.read_text(), 2026, YEARS), physical_layers(catalogue))


@pytest.mark.parametrize("name", [path.stem for path in sorted((SUITES / "reconciliations").glob("*.sql"))])
def test_each_reconciliation_is_googlesql(name: str, google: GoogleSql, catalogue: Catalogue) -> None:
    rule = next(rule for rule in read_reconciliations(SUITES / "reconciliations") if rule.name == name)
    assert google.columns(rule.sql, GATE_PARAMETERS)
    translate(rule.sql, physical_layers(catalogue))


def test_the_seed_s_names_are_kept(scorecard: Scorecard) -> None:
    deployed = {view.name for view in scorecard.views if view.deployed}
    assert deployed == {
        "net_revenue_retention_all_customers", "cohort_retention_matrix_by_customer", "customer_development",
        "Upfront_Contract_Spend_Query", "Days_to_Fulfill_Contract_Program", "organizer_recap_NPS_score",
    }  # fmt: skip
    company = [metric.key for metric in scorecard.metrics if not metric.personal and not metric.beside]
    assert company == [
        "revenue_ytd",
        "take_rate",
        "nrr",
        "pipeline_coverage",
        "logo_retention",
        "customer_count",
    ]
    assert [(owner.metric_key, owner.person_name) for owner in scorecard.owners] == [
        ("person_revenue_ytd", "Jack"), ("person_take_rate", "Deuce"), ("person_new_inventory", "Ian Hong"),
        ("person_nrr", "Andy Cooper"), ("person_contract_spend", "Char Short"),
        ("person_time_to_fulfill", "Victoria"), ("person_nps", "Claire"),
    ]  # fmt: skip
    assert all(metric.view for metric in scorecard.metrics)


def test_no_personal_column_reaches_a_view(catalogue: Catalogue, scorecard: Scorecard) -> None:
    personal = {column.name for source in catalogue.sources for column in source.columns if column.personal}
    shown = {name for view in scorecard.views for name in view.columns}
    assert personal == {"first_name", "last_name"}
    assert not personal & shown
