"""File to file, one day's refresh and the query patterns, on the embedded warehouse.

Run as ``python -m tests.bench.bench_warehouse``; ratios hold within one run, seconds are this machine's.
The peer is the seed's way on the same DuckDB: an UNPIVOT and one self-join per as-of date, as one query.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute import dashboard_from_facts, unpivot
from kpi_lib.pipeline.dimensions import dim_entity, dim_kpi
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.reader import Reader
from kpi_lib.warehouse.tables import DASHBOARD, FACTS, SOURCE_LOAD, physical_layers
from tests.bench.engine_peers import DAYS, as_of_table, catalogue_of, make_facts, self_join_sql

MART = "mart.agg_daily_revenue"


def best(call: Callable[[], object], repeats: int) -> float:
    """Return the best of some runs, in seconds."""
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def wide_of(facts: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Return the mart that gives these facts: one column a measure."""
    keys = ["date_key", "entity_id"]
    columns = {}
    for kpi in catalogue.kpis:
        rows = facts[facts["kpi_id"] == kpi.id].set_index(keys)
        for source, target in (
            ("value", kpi.column),
            ("numerator", kpi.numerator),
            ("denominator", kpi.denominator),
        ):
            if target:
                columns.setdefault(target, rows[source])
    return pd.DataFrame(columns).reset_index()


def ours(warehouse: DuckDBWarehouse, catalogue: Catalogue) -> None:
    """Mart → facts → roll-ups with payload, table to table."""
    wide = warehouse.query(f"SELECT * FROM {MART} ORDER BY date_key, entity_id")
    facts = unpivot(wide, catalogue)
    warehouse.replace(FACTS, facts)
    warehouse.replace(DASHBOARD, dashboard_from_facts(facts, catalogue))


def one_day(warehouse: DuckDBWarehouse, catalogue: Catalogue) -> None:
    """Refresh the newest as-of date from the stored facts."""
    facts = warehouse.query(
        f"SELECT * FROM {FACTS} WHERE date_key >= DATE_SUB(@as_of, INTERVAL 731 DAY)",
        {"as_of": DAYS[-1].date()},
    )
    frame = dashboard_from_facts(facts, catalogue, as_of=[DAYS[-1]])
    warehouse.replace_days(DASHBOARD, frame, "as_of_date")


def seeds_way(file: Path, catalogue: Catalogue, schema: str) -> float:
    """Return the seconds of the seed's SQL on the same DuckDB file: unpivot, self-join, create table."""
    import duckdb

    union = " UNION ALL ".join(
        f"SELECT date_key, {kpi.id} AS kpi_id, entity_id, "
        + (
            f"{kpi.numerator} / nullif({kpi.denominator}, 0) * {kpi.scale} AS value, "
            f"{kpi.numerator} AS numerator, {kpi.denominator} AS denominator"
            if kpi.kind == "ratio"
            else f"{kpi.column} AS value, NULL::DOUBLE AS numerator, NULL::DOUBLE AS denominator"
        )
        + f" FROM {schema}.agg_daily_revenue"
        for kpi in catalogue.kpis
    )
    kpis = pd.DataFrame([{"kpi_id": kpi.id, "kind": kpi.kind, "scale": kpi.scale} for kpi in catalogue.kpis])
    with duckdb.connect(str(file), config={"threads": 2}) as con:
        con.register("kpis", kpis)
        con.register("as_of_dates", as_of_table(catalogue, DAYS))
        begun = time.perf_counter()
        con.execute(f"CREATE OR REPLACE TABLE {schema}.seed_facts AS {union}")
        con.execute(
            f"CREATE OR REPLACE TABLE {schema}.seed_dashboard AS {self_join_sql(f'{schema}.seed_facts')}"
        )
        return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    catalogue = catalogue_of(1)
    wide = wide_of(make_facts(catalogue), catalogue)
    layers = physical_layers(catalogue)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.duckdb"
        with DuckDBWarehouse.open(file, layers) as warehouse:
            warehouse.replace(MART, wide)
            loads = pd.DataFrame(
                {
                    "source": [source.name for source in catalogue.sources],
                    "loaded_from": DAYS[0],
                    "complete_through": DAYS[-1],
                    "loaded_at": DAYS[-1].tz_localize("UTC"),
                    "row_count": 1,
                }
            )
            for table, frame in (
                ("kpi.dim_kpi", dim_kpi(catalogue)),
                ("kpi.dim_entity", dim_entity(catalogue)),
                (SOURCE_LOAD, loads),
            ):
                warehouse.replace(table, frame)
            seconds = best(lambda: ours(warehouse, catalogue), 4)
            day = best(lambda: one_day(warehouse, catalogue), 5)
        peer = seeds_way(file, catalogue, layers["mart"])
        reader = Reader(DuckDBWarehouse.open(file, layers, read_only=True), catalogue, file)
        with reader as wh:
            patterns = {
                "today, all KPIs": best(lambda: wh.today(entity=0), 20),
                "one KPI over 30 days": best(
                    lambda: wh.series("total_daily_revenue", since=DAYS[-30].date(), entity=0), 20
                ),
                "payload join": best(lambda: wh.payload(entity=0), 20),
            }
    rows = len(DAYS) * len(catalogue.kpis)
    print(f"ten years, 27 KPIs, one entity: {rows:,} rows; four windows and prior year")
    print(f"{'facts + roll-ups with payload, file to file':<48}{seconds:8.3f} s")
    print(f"{'the seed: unpivot + self-join, no payload':<48}{peer:8.3f} s {peer / seconds:6.1f} times ours")
    print(f"{'one day refreshed, file to file':<48}{day:8.3f} s")
    for name, value in patterns.items():
        print(f"{'query: ' + name:<48}{value * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
