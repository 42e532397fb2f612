"""The scorecard step of the night at three sizes: every view, every metric, the trend of two years.

Run as ``python -m tests.bench.bench_scorecard [--scale 1 10 100]``; a scale of 1 is sixty customers. Seconds
are processor time of this machine; what holds elsewhere is the growth, and the ratio to building every view
for each date.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.domains.marketplace.sample import make
from kpi_lib.pipeline import scorecard
from kpi_lib.pipeline.scorecard_days import trend_dates
from kpi_lib.warehouse import DuckDBWarehouse, load_sources, write_sources
from kpi_lib.warehouse.tables import SCORECARD_TREND, physical_layers

CATALOGUE = load_catalogue(SHIPPED_DOMAINS / "marketplace")
AS_OF = dt.date(2026, 11, 20)
FIRST = dt.date(2022, 1, 1)
NOW = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time that a call takes: a machine with other work does not change it much."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def build(warehouse: DuckDBWarehouse) -> None:
    """Build models and detail views, as the night's step ``views`` does."""
    scorecard.build_tables(warehouse, CATALOGUE, AS_OF)


def refresh(warehouse: DuckDBWarehouse) -> None:
    """Ask every metric and its trend, as the night's step ``scorecard`` does."""
    scorecard.refresh(warehouse, CATALOGUE, AS_OF, NOW, first_day=FIRST)


def date_by_date(warehouse: DuckDBWarehouse) -> None:
    """Work the trend out the plain way: every view built and every metric asked for each date."""
    for day in trend_dates(CATALOGUE, AS_OF, FIRST):
        scorecard.build_tables(warehouse, CATALOGUE, day)
        scorecard.refresh(warehouse, CATALOGUE, day, NOW, first_day=day)


def measure(scale: int, folder: Path) -> float:
    """Print a size's seconds; return those of the whole step once its SQL is read."""
    sample = make(AS_OF, scale=scale)
    rows = sum(len(frame) for frame in sample.frames.values())
    write_sources(sample.frames, CATALOGUE, folder / "landing", sample.manifest)
    with DuckDBWarehouse.open(folder / "bench.duckdb", physical_layers(CATALOGUE)) as warehouse:
        load_sources(warehouse, CATALOGUE, folder / "landing")
        first = seconds(lambda: build(warehouse)) + seconds(lambda: refresh(warehouse))
        runs = [(seconds(lambda: build(warehouse)), seconds(lambda: refresh(warehouse))) for _ in range(3)]
        views, metrics = min(runs, key=sum)
        dates = warehouse.query(f"SELECT COUNT(DISTINCT as_of_date) AS n FROM {SCORECARD_TREND}")["n"].iloc[0]
        print(
            f"{60 * scale:>7,} customers {rows:>10,} source rows   views {views:6.2f} s   "
            f"metrics and {dates} dates {metrics:6.2f} s   together {views + metrics:6.2f} s   "
            f"first time in a process {first:6.2f} s"
        )
        if scale == 1:
            plain = seconds(lambda: date_by_date(warehouse))
            print(f"{'':>7} the trend with every view built for each date: {plain:.2f} s, "
                  f"{plain / metrics:.1f} times the metrics with their trend")  # fmt: skip
    return views + metrics


def main(scales: tuple[int, ...] = (1, 10, 100)) -> None:
    """Measure and print."""
    print("the scorecard step: views, metrics, trend")
    taken = {}
    for scale in scales:
        with tempfile.TemporaryDirectory() as folder:
            taken[scale] = measure(scale, Path(folder))
    small, large = min(taken), max(taken)
    grown = taken[large] / taken[small]
    print(f"{large // small} times the customers took {grown:.1f} times the seconds")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, nargs="+", default=[1, 10, 100])
    main(tuple(parser.parse_args().scale))
