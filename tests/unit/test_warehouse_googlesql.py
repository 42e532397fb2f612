"""Every statement of ours is GoogleSQL by Google's own analyzer, with the types we think it has."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.domains.winery.sample import make
from kpi_lib.periods import dim_date
from kpi_lib.warehouse import DuckDBWarehouse, load_sources, queries, write_sources
from kpi_lib.warehouse.tables import library_tables, physical_layers
from tests.zetasql_catalog import GoogleSql, GoogleSqlError

pytestmark = pytest.mark.googlesql

DOMAINS = sorted(file.parent for file in SHIPPED_DOMAINS.glob("*/domain.toml"))
READER = {name: text for name, text in vars(queries).items() if name.isupper() and isinstance(text, str)}
READER_PARAMETERS = {
    **dict.fromkeys(("as_of", "since", "until"), "DATE"),
    **dict.fromkeys(("entity_id", "kpi_id", "first_kpi", "last_kpi"), "INT64"),
}


@pytest.fixture(scope="module")
def winery() -> Catalogue:
    return load_catalogue(SHIPPED_DOMAINS / "winery")


@pytest.mark.parametrize("folder", DOMAINS, ids=[folder.name for folder in DOMAINS])
def test_every_model_of_a_domain(folder: Path) -> None:
    catalogue = load_catalogue(folder)
    checker = GoogleSql.of(catalogue, models=True)
    for model in catalogue.models:
        assert checker.tables[model.table]
    if catalogue.mart:
        assert checker.tables[catalogue.mart]


@pytest.mark.parametrize("name", READER)
def test_every_question_of_the_reader(winery: Catalogue, name: str) -> None:
    assert GoogleSql.of(winery).columns(READER[name], READER_PARAMETERS)


def test_models_have_the_same_types_on_duckdb(winery: Catalogue, tmp_path: Path) -> None:
    sample = make(dt.date(2026, 11, 20), years=1)
    write_sources(sample.frames, winery, tmp_path / "landing", sample.manifest)
    checker = GoogleSql.of(winery, models=True)
    entities = pd.DataFrame(
        {
            "entity_id": [entity.id for entity in winery.entities],
            "entity_code": [entity.code for entity in winery.entities],
            "entity_name": [entity.name for entity in winery.entities],
            "entity_type": [entity.type for entity in winery.entities],
            "parent_id": [None if entity.parent is None else 0 for entity in winery.entities],
            "opened": pd.NaT,
            "closed": pd.NaT,
            "rule": [entity.rule for entity in winery.entities],
        }
    )
    parameters = {
        "time_zone": winery.calendar.time_zone,
        "first_day": dt.date(2025, 11, 21),
        "last_day": dt.date(2026, 11, 20),
        "as_of": dt.date(2026, 11, 20),
    }
    with DuckDBWarehouse.open(tmp_path / "w.duckdb", physical_layers(winery)) as warehouse:
        load_sources(warehouse, winery, tmp_path / "landing")
        warehouse.replace("kpi.dim_entity", entities)
        warehouse.replace("mart.dim_date", dim_date(winery.calendar, "2024-01-01", "2027-12-31"))
        assert warehouse.columns("kpi.dim_entity") == library_tables(winery)["kpi.dim_entity"]
        assert warehouse.columns("mart.dim_date") == checker.tables["mart.dim_date"]
        for model in winery.models:
            sql = (winery.folder / "sql" / model.sql).read_text(encoding="utf-8")
            assert warehouse.build(model.table, sql, parameters) > 0
            assert warehouse.columns(model.table) == checker.tables[model.table]


def test_the_analyzer_refuses_what_is_wrong(winery: Catalogue, tmp_path: Path) -> None:
    checker = GoogleSql.of(winery)
    with pytest.raises(GoogleSqlError, match="order_idd"):
        checker.columns("SELECT order_idd FROM raw.stg_order")
    with pytest.raises(GoogleSqlError, match="nothing"):
        checker.columns("SELECT 1 FROM raw.nothing")
    with pytest.raises(GoogleSqlError, match="wanted"):
        checker.columns("SELECT @wanted AS x")
    with pytest.raises(GoogleSqlError, match="division by zero"):
        checker.evaluate("SELECT 1 / 0 AS x")
    (tmp_path / "wrong.sql").write_text("SELECT paid_at + 1 AS x FROM raw.stg_order")
    with pytest.raises(GoogleSqlError, match=r"wrong.sql: .*No matching signature"):
        checker.columns_of(tmp_path / "wrong.sql")
