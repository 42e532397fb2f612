"""Large sizes: file to file, a thousand entities in blocks, growth with series and days.

Run through ``python -m tests.bench.bench_engine --files --blocks --growth`` (each takes from half a
minute to a few); what is printed are ratios and peaks of one run on one machine.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kpi_lib.compute import cube, rollup_blocks, rollup_wide
from tests.bench.engine_peers import DAYS, WINDOWS, as_of_table, catalogue_of, duckdb_sql, make_facts

_SETTINGS: dict[str, Any] = {"threads": 2, "memory_limit": "12GB"}
_BLOCK_ENTITIES = 20


def seconds(call: Callable[[], object], repeats: int = 1) -> float:
    """Return the best of some runs."""
    best = float("inf")
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best


def peak_memory() -> float:
    """Return the most memory this process has held, in GB; what its parent held does not count."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def columns_of(wide: Any) -> pa.Table:
    """Return value, prior and both counts of missing days of each window, as the peers make them."""
    dates, series = len(wide.as_of), len(wide.kpi_id)
    columns: dict[str, Any] = {
        "date_key": np.repeat(wide.as_of.astype("datetime64[D]"), series),
        "kpi_id": np.tile(wide.kpi_id, dates),
        "entity_id": np.tile(wide.entity_id, dates),
    }
    for name, window in wide.windows.items():
        prior = window.priors["prior_year"]
        for label, side in ((name, window.current), (f"{name}_prior", prior)):
            columns[f"{label}_value"] = pa.array(side.value.ravel(), from_pandas=True)
            columns[f"{label}_missing"] = side.missing.ravel()
    return pa.table(columns)


def file_to_file(entities: int = 100) -> None:
    """Facts in a DuckDB file → roll-ups in the same file: the engine, and DuckDB's own window functions."""
    import duckdb

    catalogue = catalogue_of(entities)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.duckdb"
        _fill(file, catalogue)

        def ours() -> None:
            with duckdb.connect(str(file), config=_SETTINGS) as con:
                facts = con.sql("SELECT * FROM facts").df()
                rows = columns_of(rollup_wide(facts, catalogue))
                con.register("rows_made", rows)
                con.execute("CREATE OR REPLACE TABLE result AS SELECT * FROM rows_made")

        def theirs() -> None:
            with duckdb.connect(str(file), config=_SETTINGS) as con:
                con.execute(duckdb_sql())

        mine, peer = seconds(ours, 2), seconds(theirs)
    rows = len(DAYS) * len(catalogue.kpis) * entities
    print(f"\nfile to file, E = {entities}: {rows:,} rows, 4 windows and prior year, 16 columns and keys")
    print(f"  {'engine: read, roll up, write':<32}{mine:9.2f} s")
    print(f"  {'DuckDB window functions':<32}{peer:9.2f} s {peer / mine:8.2f} × engine")


def _fill(file: Path, catalogue: Any) -> None:
    import duckdb

    kpis = pd.DataFrame([{"kpi_id": kpi.id, "kind": kpi.kind, "scale": kpi.scale} for kpi in catalogue.kpis])
    frames = {"facts": make_facts(catalogue), "kpis": kpis, "as_of_dates": as_of_table(catalogue, DAYS)}
    with duckdb.connect(str(file), config=_SETTINGS) as con:
        for name, frame in frames.items():
            con.register("incoming", pa.Table.from_pandas(frame, preserve_index=False))
            con.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
            con.unregister("incoming")


def blocks(entities: int = 1000) -> None:
    """Roll a thousand entities up through the block iterator, in a process of its own; print its peak."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_scale", str(entities)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    print(made.stdout, end="")


def _one_process(entities: int) -> None:
    catalogue = catalogue_of(entities)
    one = make_facts(catalogue_of(_BLOCK_ENTITIES))
    base = peak_memory()

    def facts() -> Iterator[pd.DataFrame]:
        for first in range(0, entities, _BLOCK_ENTITIES):
            yield one.assign(entity_id=one["entity_id"] + first)

    cells, total = 0, 0.0
    begun = time.perf_counter()
    for wide in rollup_blocks(facts(), catalogue):
        for window in WINDOWS:
            side = wide.windows[window].priors["prior_year"]
            cells += side.value.size
            total += float(np.nansum(side.value[-1])) + float(side.missing[-1].sum())
    took = time.perf_counter() - begun
    peak = peak_memory()
    days = cells // len(WINDOWS)
    print(f"\nblock iterator, E = {entities}: {days / 1e6:.1f} million series-days, 4 windows and prior year")
    print(f"  {took:.1f} s, {days * len(WINDOWS) / took / 1e6:.1f} million window values and priors a second")
    print(f"  peak memory {peak:.2f} GB; imports and making one block {base:.2f} GB (sum {total:.0f})")


def growth() -> None:
    """Print how the cost grows with series and with days, three sizes each."""
    print("\ngrowth: seconds, and nanoseconds per series-day")
    for entities in (10, 20, 40):
        catalogue = catalogue_of(entities)
        _grown(f"E = {entities}, ten years", make_facts(catalogue), catalogue)
    catalogue = catalogue_of(20)
    facts = make_facts(catalogue)
    for years in (2.5, 5, 10):
        start = DAYS[-round(len(DAYS) * years / 10)]
        _grown(f"E = 20, {years:g} years", facts[facts["date_key"] >= start], catalogue)


def _grown(name: str, facts: pd.DataFrame, catalogue: Any) -> None:
    ready = cube(facts, catalogue)
    whole = seconds(lambda: columns_of(rollup_wide(facts, catalogue)), 3)
    from_cube = seconds(lambda: rollup_wide(ready), 3)
    one_day = seconds(lambda: rollup_wide(ready, as_of="2026-11-20"), 10)
    rows = len(facts)
    per = 1e9 / rows
    print(
        f"  {name:<24}{rows:>12,} rows  frame to columns {whole:7.3f} s {whole * per:4.0f} ns"
        f"   from the cube {from_cube:7.3f} s {from_cube * per:4.0f} ns   one day {one_day * 1e3:5.2f} ms"
    )


if __name__ == "__main__":
    _one_process(int(sys.argv[1]))
