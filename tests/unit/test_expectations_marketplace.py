"""The marketplace's gate: clean on the sample, and which rule notices which damage."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.dashboard_kpis import render_sql
from kpi_lib.catalogue.scorecard import PARAMETERS, load_scorecard
from kpi_lib.domains.marketplace.sample import make
from kpi_lib.pipeline import scorecard
from kpi_lib.quality import GateResult, check_suites, read_suites, validate
from kpi_lib.warehouse import DuckDBWarehouse, load_sources, write_sources
from kpi_lib.warehouse.tables import physical_layers
from tests.marketplace_bench import SUITES
from tests.part_of_suites import suites_of

zetasql_catalog = pytest.importorskip("tests.zetasql_catalog")
CATALOGUE = load_catalogue("marketplace")
AS_OF = dt.date(2026, 11, 20)
Damage = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass
class Built:
    warehouse: DuckDBWarehouse

    def gate(self, suites: Path = SUITES) -> GateResult:
        return validate(
            self.warehouse.query,
            CATALOGUE,
            suites,
            as_of=AS_OF,
            first_day=dt.date(2022, 1, 1),
            last_day=AS_OF,
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("market-gate")
    sample = make(AS_OF)
    write_sources(sample.frames, CATALOGUE, folder / "landing", sample.manifest)
    with DuckDBWarehouse.open(":memory:", physical_layers(CATALOGUE)) as warehouse:
        load_sources(warehouse, CATALOGUE, folder / "landing")
        scorecard.build_tables(warehouse, CATALOGUE, AS_OF)
        now = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)
        scorecard.refresh(warehouse, CATALOGUE, AS_OF, now, first_day=AS_OF)
        yield Built(warehouse)


def test_the_gate_passes_on_the_sample_and_tells_only_what_was_planted(built: Built) -> None:
    gate = built.gate()
    assert gate.passed and gate.counts["total"] > 80
    assert {(item.name, item.severity) for item in gate.failures()} == {
        ("known_customer", "info"), ("has_name", "info"),
    }  # fmt: skip


def test_suites_and_profiles_belong_together() -> None:
    assert check_suites(CATALOGUE, SUITES) > 80
    used = {rule.profile.name for suite in read_suites(SUITES) for rule in suite.rules}
    assert used == {path.name for path in (SUITES / "profiles").glob("*.sql")}


@pytest.mark.googlesql
def test_google_accepts_every_profile_and_none_shows_a_person(built: Built) -> None:
    checker = zetasql_catalog.GoogleSql.of(CATALOGUE)
    card = load_scorecard(CATALOGUE.folder)
    for model in card.models:
        checker.add_table(model.table, checker.columns_of(CATALOGUE.folder / "sql" / model.sql, PARAMETERS))
    for view in card.views:
        checker.add_table(
            view.table, checker.columns(render_sql(view.text, 2026, (2024, 2025, 2026)), PARAMETERS)
        )
    for profile in sorted((SUITES / "profiles").glob("*.sql")):
        columns = checker.columns_of(profile)
        assert columns and not {"person_name", "first_name", "last_name"} & set(columns), profile.name


def first(column: str, value: object) -> Damage:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({column: object}) if isinstance(value, str) else frame
        frame.loc[frame.index[0], column] = value
        return frame

    return change


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.head(1)], ignore_index=True)


CASES: dict[str, tuple[str, Damage, str]] = {
    "invoice twice": ("src_fivetran_qbo.invoice", twice, "unique_id"),
    "line without invoice": ("src_fivetran_qbo.invoice_line", first("invoice_id", "none"), "has_document"),
    "no services": (
        "src_fivetran_qbo.account",
        lambda frame: frame[~frame["account_number"].fillna("").str.startswith("4000")],
        "has_services",
    ),
    "stage twice": ("src_fivetran_hubspot.deal_pipeline_stage", twice, "unique_id"),
    "probability in points": (
        "src_fivetran_hubspot.deal_pipeline_stage", first("probability", 40.0), "probability_is_share"
    ),
    "company twice": ("src_fivetran_hubspot.company", twice, "unique_id"),
    "offer twice": ("ops.offer", twice, "unique_id"),
    "unknown status": ("ops.offer", first("status", "maybe"), "known_status"),
    "score of 11": ("ops.organizer_recap", first("nps_score", 11.0), "score_in_range"),
    "metric missing": ("kpi.dashboard_kpis", lambda frame: frame.iloc[1:], "every_metric"),
    "metric twice": ("kpi.dashboard_kpis", twice, "one_row"),
    "wrong value": ("kpi.dashboard_kpis", first("metric_value", 5.0), "headlines_foot"),
    "old year": ("kpi.dashboard_kpis", lambda frame: frame.assign(fiscal_year=2025), "current_year"),
    "named company row": ("kpi.dashboard_kpis", first("person_name", "Somebody"), "owner_where_due"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_damage_is_noticed_by_its_rule(built: Built, name: str) -> None:
    table, damage, rule = CASES[name]
    rows = built.warehouse.query(f"SELECT * FROM {table}")
    built.warehouse.replace(table, damage(rows.copy()))
    try:
        with suites_of(SUITES, table.rpartition(".")[2]) as suites:
            gate = built.gate(suites)
    finally:
        built.warehouse.replace(table, rows)
    assert rule in {item.name for item in gate.failures("critical")}, [item.name for item in gate.failures()]
    assert not gate.passed
    assert "Somebody" not in gate.to_json()
