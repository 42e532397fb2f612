"""The reader: the three query patterns and what it says about wrong questions."""

from __future__ import annotations

import datetime as dt
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, Settings, load_catalogue
from kpi_lib.catalogue.profiles import BigQueryProfile, DuckDBProfile, Profile
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.compute import dashboard_from_facts, rollup
from kpi_lib.errors import AccessError, DefinitionError, KpiError, UsageError, WarehouseError
from kpi_lib.periods import Comparison
from kpi_lib.warehouse import DuckDBWarehouse, Reader, connect
from kpi_lib.warehouse.tables import dashboard_columns, physical_layers

DAYS = pd.date_range("2025-08-01", "2026-11-20")
LAST = dt.date(2026, 11, 20)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    plain = load_catalogue(SHIPPED_DOMAINS / "winery")
    second = Comparison("prior_period", "prior_period", "period before")
    return plain.model_copy(update={"comparisons": (*plain.comparisons, second)})


@pytest.fixture(scope="module")
def facts(catalogue: Catalogue) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    keys = pd.MultiIndex.from_product(
        [DAYS, [kpi.id for kpi in catalogue.kpis], [0, 1]], names=["date_key", "kpi_id", "entity_id"]
    )
    frame = keys.to_frame(index=False)
    ratios = frame["kpi_id"].isin([kpi.id for kpi in catalogue.kpis if kpi.kind == "ratio"])
    amount = pd.Series(rng.integers(1, 9_000, len(frame)) / 100)
    return frame.assign(
        value=amount.where(rng.random(len(frame)) > 0.02),
        numerator=amount.where(ratios),
        denominator=pd.Series(rng.integers(0, 3, len(frame)).astype(float)).where(ratios),
    )


@pytest.fixture(scope="module")
def file(catalogue: Catalogue, facts: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "warehouse.duckdb"
    kpis = pd.DataFrame(
        {
            "kpi_id": [kpi.id for kpi in catalogue.kpis],
            "kpi_code": [kpi.code for kpi in catalogue.kpis],
            "kpi_name": [kpi.name for kpi in catalogue.kpis],
            "kpi_group": [kpi.group for kpi in catalogue.kpis],
        }
    )
    names = [source.name for source in catalogue.sources]
    loads = pd.DataFrame(
        {
            "source": names,
            "loaded_from": DAYS[0],
            "complete_through": [DAYS[-1 - (name == "stg_order")] for name in names],
            "loaded_at": pd.Timestamp("2026-11-21 11:00", tz="UTC"),
            "row_count": 1,
        }
    )
    days = list(DAYS[-40:])
    with DuckDBWarehouse.open(path, physical_layers(catalogue)) as warehouse:
        warehouse.replace("kpi.dim_kpi", kpis)
        warehouse.replace("kpi.fact_kpi_daily", facts)
        warehouse.replace("kpi.agg_kpi_dashboard", dashboard_from_facts(facts, catalogue, as_of=days))
        warehouse.replace("raw.source_load", loads)
    return path


@pytest.fixture
def reader(file: Path, catalogue: Catalogue) -> Iterator[Reader]:
    warehouse = DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True)
    with Reader(warehouse, catalogue, file) as opened:
        yield opened


def test_the_dashboard_has_its_declared_columns(file: Path, catalogue: Catalogue) -> None:
    with DuckDBWarehouse.open(file, physical_layers(catalogue), read_only=True) as warehouse:
        assert warehouse.columns("kpi.agg_kpi_dashboard") == dashboard_columns(catalogue)


def test_today_is_one_row_a_kpi(reader: Reader, catalogue: Catalogue, facts: pd.DataFrame) -> None:
    today = reader.today()
    assert today["kpi_code"].tolist() == [kpi.code for kpi in catalogue.kpis]
    assert set(today["as_of_date"]) == {pd.Timestamp(LAST)}
    assert "payload" not in today
    month = facts[
        (facts["date_key"] >= "2026-11-01")
        & (facts["kpi_id"] == catalogue.kpi("ecomm_revenue").id)
        & (facts["entity_id"] == 1)
    ]
    row = reader.today(entity="MAIN_TASTING_ROOM").set_index("kpi_code").loc["ecomm_revenue"]
    assert row["mtd_value"] == pytest.approx(month["value"].sum())


def test_a_series_is_one_row_a_day(reader: Reader) -> None:
    series = reader.series("total_daily_revenue", since="2026-11-01", until=dt.date(2026, 11, 10))
    assert series["as_of_date"].tolist() == list(pd.date_range("2026-11-01", "2026-11-10"))
    assert set(series["kpi_code"]) == {"total_daily_revenue"}
    assert len(reader.series(14)) == 40
    assert reader.series(14, since="2027-01-01").empty


def test_a_payload_is_json(reader: Reader) -> None:
    payload = reader.payload("2026-11-01", entity=1)
    assert len(payload) == 27
    parsed = json.loads(payload["payload"].iloc[0])
    assert parsed["as_of"] == "2026-11-01"
    assert {"mtd", "qtd", "ytd", "last28"} <= set(parsed)


@pytest.mark.parametrize(("as_of", "entity"), [(None, "ALL"), ("2026-10-31", "MAIN_TASTING_ROOM")])
def test_rollups_are_those_of_the_engine(
    reader: Reader, catalogue: Catalogue, facts: pd.DataFrame, as_of: str | None, entity: str
) -> None:
    wanted = rollup(facts, catalogue, as_of=as_of or LAST)
    wanted = wanted[wanted["entity_id"] == catalogue.entity(entity).id].reset_index(drop=True)
    pd.testing.assert_frame_equal(reader.rollups(as_of, entity), wanted)
    assert set(wanted["comparison"]) == {"prior_year", "prior_period"}


def test_an_entity_without_figures_gives_an_empty_frame(reader: Reader) -> None:
    assert reader.rollups(entity="ONLINE").empty
    assert reader.today(entity="ONLINE").empty


def test_daily_rows(reader: Reader, facts: pd.DataFrame) -> None:
    wanted = facts[facts["entity_id"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(reader.daily(), wanted, check_dtype=False)
    some = reader.daily(entity=1, kpi="total_visitors", since="2026-11-01", until="2026-11-03")
    assert some["date_key"].tolist() == list(pd.date_range("2026-11-01", "2026-11-03"))
    assert set(some["kpi_id"]) == {16}


def test_dates_of_the_data(reader: Reader) -> None:
    assert reader.as_of() == LAST
    assert reader.watermark() == dt.date(2026, 11, 19)
    assert reader.loads()["source"].is_monotonic_increasing


def test_own_questions_in_googlesql(reader: Reader) -> None:
    asked = reader.query(
        "SELECT SAFE_DIVIDE(SUM(value), COUNT(*)) AS mean FROM kpi.fact_kpi_daily WHERE date_key = @day",
        {"day": "2026-11-20"},
    )
    assert asked["mean"].iloc[0] > 0
    with pytest.raises(DefinitionError, match="One SELECT"):
        reader.query("DROP TABLE kpi.fact_kpi_daily")


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda wh: wh.today("2026-01-01"), UsageError, "from 2026-10-12 to 2026-11-20"),
        (lambda wh: wh.payload("2030-01-01"), UsageError, "from 2026-10-12 to 2026-11-20"),
        (lambda wh: wh.rollups(dt.date(2020, 2, 29)), UsageError, "2020-02-29"),
        (lambda wh: wh.today("yesterday"), UsageError, "'yesterday' is no date"),
        (lambda wh: wh.today(20261120), UsageError, "is no date"),
        (lambda wh: wh.today(entity="MAIN_TASTINGROOM"), DefinitionError, "Did you mean 'MAIN_TASTING_ROOM'"),
        (lambda wh: wh.series("total_daily_revenues"), DefinitionError, "Did you mean 'total_daily_revenue'"),
        (lambda wh: wh.daily(kpi=99), DefinitionError, "no KPI '99'"),
        (lambda wh: wh.series(14, since="2026-11-02", until="2026-11-01"), UsageError, "after until"),
    ],
)
def test_wrong_questions(
    reader: Reader, ask: Callable[[Reader], object], error: type[KpiError], said: str
) -> None:
    with pytest.raises(error, match=said):
        ask(reader)


def test_a_window_added_since_is_told(file: Path, catalogue: Catalogue) -> None:
    from kpi_lib.periods import STANDARD_WINDOWS

    newer = catalogue.model_copy(update={"windows": (*catalogue.windows, STANDARD_WINDOWS["last90"])})
    warehouse = DuckDBWarehouse.open(file, physical_layers(newer), read_only=True)
    with Reader(warehouse, newer, file) as reader, pytest.raises(WarehouseError, match="'last90_value'"):
        reader.rollups()


def test_an_empty_warehouse_says_what_to_run(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "w.duckdb"
    with DuckDBWarehouse.open(path, physical_layers(catalogue)):
        pass
    warehouse = DuckDBWarehouse.open(path, physical_layers(catalogue), read_only=True)
    with Reader(warehouse, catalogue, path) as reader:
        for ask in (reader.today, reader.as_of, reader.watermark, reader.daily, lambda: reader.series(1)):
            with pytest.raises(WarehouseError, match=r"Nothing is published[\s\S]*make report"):
                ask()


def test_published_tables_without_rows(tmp_path: Path, catalogue: Catalogue, facts: pd.DataFrame) -> None:
    path = tmp_path / "w.duckdb"
    with DuckDBWarehouse.open(path, physical_layers(catalogue)) as warehouse:
        board = dashboard_from_facts(facts, catalogue, as_of=[DAYS[-1]])
        warehouse.replace("kpi.agg_kpi_dashboard", board.head(0))
        warehouse.replace("kpi.fact_kpi_daily", facts.head(0))
        warehouse.replace("raw.source_load", pd.DataFrame({"source": ["x"], "complete_through": [pd.NaT]}))
        with pytest.raises(WarehouseError, match="Nothing is published"):
            Reader(warehouse, catalogue, path).as_of()


def _settings(path: Path, **profiles: Profile) -> Settings:
    return Settings(
        root=path.parent, domains=("winery",), profiles={"local": DuckDBProfile(path=path), **profiles}
    )


def test_connect_opens_the_profiles_file(file: Path, tmp_path: Path) -> None:
    settings = _settings(file)
    for arguments in ({}, {"profile": None}, {"profile": "", "domain": "", "path": ""}, {"domain": "winery"}):
        with connect(settings=settings, **arguments) as wh:
            assert wh.path == file
            assert wh.catalogue.domain == "winery"
            assert wh.as_of() == LAST
    with connect(path=str(file), settings=_settings(tmp_path / "other.duckdb")) as wh:
        assert wh.path == file


def test_connect_by_path_and_domain_needs_no_settings(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with connect(domain="winery", path=file) as wh:
        assert wh.as_of() == LAST


def test_connect_refuses(file: Path, tmp_path: Path) -> None:
    settings = _settings(
        tmp_path / "none.duckdb",
        cloud=BigQueryProfile(
            project="example-kpi",
            datasets=dict.fromkeys(("raw", "mart", "kpi", "ops"), "d"),
            key_file=tmp_path / "none.json",
        ),
    )
    with pytest.raises(AccessError, match="There is no such key file"):
        connect("cloud", settings=settings)
    with pytest.raises(DefinitionError, match="Did you mean 'local'"):
        connect("locl", settings=settings)
    with pytest.raises(DefinitionError, match="winry"):
        connect(domain="winry", settings=settings)
    with pytest.raises(WarehouseError, match=r"no warehouse yet[\s\S]*make report"):
        connect(settings=settings)


@pytest.mark.slow
def test_the_three_patterns_are_quick(reader: Reader) -> None:
    patterns: dict[str, Callable[[], object]] = {
        "today": reader.today,
        "series": lambda: reader.series("total_daily_revenue", since="2026-10-22"),
        "payload": reader.payload,
    }
    for name, ask in patterns.items():
        ask()
        taken = []
        for _ in range(9):
            start = time.perf_counter()
            ask()
            taken.append(time.perf_counter() - start)
        # Generous, for a busy machine; on an idle one it is 2 to 5 ms.
        assert statistics.median(taken) < 0.03, name
