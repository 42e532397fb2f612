"""The engine beside pandas, Polars, DuckDB windows, the seed's self-join and the fresh-memory floor.

Run as ``python -m tests.bench.bench_engine [E …] [--files] [--blocks] [--growth]``; the numbers of one run
may be compared, not quoted. E = 100 and the three options take minutes and several gigabytes.
Every peer gets the same sorted long frame in memory and makes, for four windows and the prior year,
value, prior and both counts of missing days; at one entity their numbers are held against the engine's.
The engine also decides the reasons.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.compute import cube, dashboard_of, long_frame, rollup_wide
from tests.bench.bench_scale import blocks, file_to_file, growth
from tests.bench.engine_peers import (
    DAYS,
    WINDOWS,
    catalogue_of,
    duckdb_sql,
    duckdb_tables,
    make_facts,
    self_join_sql,
    with_pandas,
    with_polars,
)

__all__ = ["catalogue_of", "duckdb_tables", "main", "make_facts", "measure", "self_join_sql"]


def floor(catalogue: Catalogue, _: pd.DataFrame) -> None:
    rows = len(DAYS) * len(catalogue.kpis) * len(catalogue.entities)
    kept = []
    for _window in WINDOWS:
        kept += [
            np.full(rows, 1.0),
            np.full(rows, 1.0),
            np.full(rows, 1, np.int32),
            np.full(rows, 1, np.int32),
        ]


def engine(catalogue: Catalogue, facts: pd.DataFrame) -> None:
    materialize(rollup_wide(facts, catalogue))


def materialize(wide: Any) -> list[Any]:
    """Make the missing-day columns of all series, which the engine otherwise keeps per pattern."""
    sides = [side for window in wide.windows.values() for side in (window.current, *window.priors.values())]
    return [side.missing for side in sides]


def table_of(wide: Any) -> pd.DataFrame:
    """Return value and prior of each window, one row per series and as-of date."""
    dates, series = len(wide.as_of), len(wide.kpi_id)
    columns: dict[str, Any] = {
        "date_key": np.repeat(wide.as_of.astype("datetime64[us]"), series),
        "kpi_id": np.tile(wide.kpi_id, dates),
        "entity_id": np.tile(wide.entity_id, dates),
    }
    for name, window in wide.windows.items():
        columns[f"{name}_value"] = window.current.value.ravel()
        columns[f"{name}_prior"] = window.priors["prior_year"].value.ravel()
    return pd.DataFrame(columns)


def hold_against(mine: pd.DataFrame, catalogue: Catalogue, facts: pd.DataFrame, connection: Any) -> None:
    """Fail when a peer has another number than the engine, where the engine has one."""
    import polars as pl

    connection.execute(duckdb_sql())
    peers = {
        "duckdb windows": connection.sql("SELECT * FROM result").df(),
        "self-join": connection.sql(self_join_sql()).df().rename(columns={"as_of_date": "date_key"}),
        "pandas": with_pandas(catalogue, facts),
        "polars": with_polars(catalogue, pl.from_pandas(facts)).to_pandas(),
    }
    keys = ["date_key", "kpi_id", "entity_id"]
    for name, peer in peers.items():
        both = mine.merge(peer, on=keys, validate="1:1", suffixes=("", "_peer"))
        for column in (f"{window}_{side}" for window in WINDOWS for side in ("value", "prior")):
            there = both[column].notna()
            if len(both) != len(mine) or not np.allclose(
                both.loc[there, column], both.loc[there, f"{column}_peer"]
            ):
                raise AssertionError(f"{name} has other numbers in {column}")


def timed(call: Callable[[], object], repeats: int) -> float:
    """Return the best of some runs, in seconds."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def measure(entities: int) -> dict[str, float]:
    """Return seconds by name for this many entities."""
    import polars as pl

    catalogue = catalogue_of(entities)
    facts = make_facts(catalogue)
    repeats = 5 if entities <= 10 else 2
    seconds = {"fresh-memory floor": timed(lambda: floor(catalogue, facts), repeats + 2)}
    ready = cube(facts, catalogue)
    seconds["engine, from the cube"] = timed(lambda: materialize(rollup_wide(ready)), repeats + 2)
    seconds["engine, from the frame"] = timed(lambda: engine(catalogue, facts), repeats + 2)
    seconds["engine, one day"] = timed(lambda: rollup_wide(ready, as_of="2026-11-20"), 20)
    if entities <= 10:
        wide = rollup_wide(ready)
        seconds["long frame"] = timed(lambda: long_frame(wide), 2)
        seconds["dashboard with payload"] = timed(lambda: dashboard_of(wide, catalogue), 2)
    connection = duckdb_tables(catalogue, facts)
    if entities == 1:
        hold_against(table_of(rollup_wide(ready)), catalogue, facts, connection)
    seconds["duckdb windows"] = timed(lambda: connection.execute(duckdb_sql()), min(repeats, 2))
    if entities == 1:
        seconds["self-join (seed)"] = timed(
            lambda: connection.execute(f"CREATE OR REPLACE TABLE joined AS {self_join_sql()}"), 1
        )
    connection.close()
    frame = pl.from_pandas(facts)
    seconds["polars"] = timed(lambda: with_polars(catalogue, frame), min(repeats, 2))
    seconds["pandas"] = timed(lambda: with_pandas(catalogue, facts), min(repeats, 2))
    return seconds


def main(sizes: Sequence[int] = (1, 10)) -> None:
    """Print one table per size."""
    for entities in sizes:
        seconds = measure(entities)
        base = seconds["engine, from the cube"]
        print(
            f"\nE = {entities}: 27 KPIs × 10 years, {len(DAYS) * 27 * entities:,} rows, 4 windows, prior year"
        )
        for name, value in sorted(seconds.items(), key=lambda item: item[1]):
            print(f"  {name:<24} {value:>9.4f} s  {value / base:>8.2f} × engine")


def chosen() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("entities", nargs="*", type=int)
    for name in ("files", "blocks", "growth"):
        parser.add_argument(f"--{name}", action="store_true")
    asked = parser.parse_args()
    extra = [getattr(asked, name) for name in ("files", "blocks", "growth")]
    if asked.entities or not any(extra):
        main(asked.entities or (1, 10))
    for wanted, run in zip(extra, (file_to_file, blocks, growth), strict=True):
        if wanted:
            run()


if __name__ == "__main__":
    chosen()
