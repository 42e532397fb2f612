"""What the engine is measured against: pandas, Polars, DuckDB windows and the seed's self-join."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.models import Catalogue, Entity
from kpi_lib.periods import PRIOR_YEAR, STANDARD_WINDOWS, spans

WINDOWS = ("mtd", "qtd", "ytd", "last28")
DAYS = pd.date_range("2016-11-21", "2026-11-20", unit="us")


def catalogue_of(entities: int) -> Catalogue:
    """Return the winery's catalogue with this many entities and the seed's four windows."""
    winery = load_catalogue("winery")
    rows = tuple(Entity(id=i, code=f"E{i}", name=f"Entity {i}", type="location") for i in range(entities))
    windows = tuple(STANDARD_WINDOWS[name] for name in WINDOWS)
    return winery.model_copy(update={"entities": rows, "windows": windows})


def make_facts(catalogue: Catalogue, seed: int = 1) -> pd.DataFrame:
    """Return dense random facts, sorted by day, KPI, entity."""
    rng = np.random.default_rng(seed)
    kpis, entities = len(catalogue.kpis), len(catalogue.entities)
    shape = (len(DAYS), kpis, entities)
    value = rng.integers(0, 50, shape).astype(float)
    above, below = np.full(shape, np.nan), np.full(shape, np.nan)
    for place, kpi in enumerate(catalogue.kpis):
        if kpi.kind == "ratio":
            below[:, place] = rng.integers(1, 30, shape[::2])
            above[:, place] = value[:, place]
            value[:, place] = above[:, place] / below[:, place] * kpi.scale
        elif kpi.format == "currency":
            value[:, place] = rng.integers(0, 500_000, shape[::2]) / 100
        elif kpi.decimals:
            value[:, place] = rng.random(shape[::2]) * 3
    return pd.DataFrame(
        {
            "date_key": np.repeat(DAYS.to_numpy(), kpis * entities),
            "kpi_id": np.tile(np.repeat([kpi.id for kpi in catalogue.kpis], entities), len(DAYS)),
            "entity_id": np.tile(np.arange(entities), len(DAYS) * kpis),
            "value": value.ravel(),
            "numerator": above.ravel(),
            "denominator": below.ravel(),
        }
    )


def self_join_sql(facts: str = "facts", kpis: str = "kpis", as_of: str = "as_of_dates") -> str:
    """Return the seed's way as DuckDB SQL: each as-of date joined to all days that its windows may need.

    Parameters
    ----------
    facts
        Table of ``fact_kpi_daily``.
    kpis
        Table with ``kpi_id, kind, scale``.
    as_of
        Table with ``as_of_date`` and ``{window}_start, {window}_end, {window}_prior_start,
        {window}_prior_end`` for the four windows (see :func:`as_of_table`).
    """
    columns = []
    for window in WINDOWS:
        for side, prefix in (("value", window), ("prior", f"{window}_prior")):
            inside = f"f.date_key BETWEEN a.{prefix}_start AND a.{prefix}_end"
            last = f"max(CASE WHEN f.date_key = a.{prefix}_end THEN f.value END)"
            above = f"sum(CASE WHEN {inside} THEN f.numerator END)"
            below = f"nullif(sum(CASE WHEN {inside} THEN f.denominator END), 0)"
            added = f"sum(CASE WHEN {inside} THEN f.value END)"
            columns.append(
                f"CASE k.kind WHEN 'ratio' THEN {above} / {below} * k.scale "
                f"WHEN 'last' THEN {last} ELSE {added} END AS {window}_{side}"
            )
    listed = ",\n  ".join(columns)
    return f"""
SELECT a.as_of_date, f.kpi_id, f.entity_id,
  {listed}
FROM {as_of} AS a
JOIN {facts} AS f ON f.date_key BETWEEN a.as_of_date - INTERVAL 731 DAY AND a.as_of_date
JOIN {kpis} AS k ON k.kpi_id = f.kpi_id
GROUP BY a.as_of_date, f.kpi_id, f.entity_id, k.kind, k.scale"""


def as_of_table(catalogue: Catalogue, dates: Any) -> pd.DataFrame:
    """Return one row per as-of date with the bounds of the four windows, for :func:`self_join_sql`."""
    windows = [STANDARD_WINDOWS[name] for name in WINDOWS]
    table = spans(dates, windows, [PRIOR_YEAR], catalogue.calendar)
    wide = pd.DataFrame({"as_of_date": np.asarray(dates)})
    for name, part in table.groupby("window"):
        for column in ("start_date", "end_date", "prior_start", "prior_end"):
            wide[f"{name}_{column.removesuffix('_date')}"] = part[column].to_numpy()
    return wide


def with_pandas(catalogue: Catalogue, facts: pd.DataFrame) -> pd.DataFrame:
    kinds = pd.Series({kpi.id: kpi.kind for kpi in catalogue.kpis})
    frame = facts.sort_values(["kpi_id", "entity_id", "date_key"], ignore_index=True)
    stock, ratio = frame["kpi_id"].map(kinds).eq("last"), frame["kpi_id"].map(kinds).eq("ratio")
    scale = frame["kpi_id"].map({kpi.id: kpi.scale for kpi in catalogue.kpis})
    frame["above"] = frame["numerator"].fillna(frame["value"])
    frame["below"] = frame["denominator"].fillna(1.0)
    frame["there"] = frame["value"].notna().astype(float)
    series, date = ["kpi_id", "entity_id"], frame["date_key"].dt
    parts = {"mtd": [date.year, date.month], "qtd": [date.year, date.quarter], "ytd": [date.year]}
    sums = ["above", "below", "there"]
    made = frame[["date_key", *series]].copy()
    for window in WINDOWS:
        if window in parts:
            keys = [
                frame["kpi_id"],
                frame["entity_id"],
                *(part.rename(str(i)) for i, part in enumerate(parts[window])),
            ]
            total = frame[sums].groupby(keys).cumsum()
        else:
            total = frame.groupby(series)[sums].rolling(28, min_periods=1).sum().reset_index(drop=True)
        value = total["above"].mask(ratio, total["above"] / total["below"] * scale)
        made[f"{window}_value"] = frame["value"].where(stock, value)
        made[f"{window}_there"] = total["there"]
    bounds = as_of_table(catalogue, DAYS)
    for window in WINDOWS:
        earlier = made[["date_key", *series, f"{window}_value", f"{window}_there"]]
        mapped = made["date_key"].map(bounds.set_index("as_of_date")[f"{window}_prior_end"])
        joined = pd.DataFrame({"date_key": mapped, **{key: made[key] for key in series}}).merge(
            earlier, how="left", on=["date_key", *series], validate="m:1"
        )
        made[f"{window}_prior"] = joined[f"{window}_value"].to_numpy()
        made[f"{window}_prior_there"] = joined[f"{window}_there"].to_numpy()
    return made


def with_polars(catalogue: Catalogue, facts: Any) -> Any:
    import polars as pl

    stocks = [kpi.id for kpi in catalogue.kpis if kpi.kind == "last"]
    scales = {kpi.id: kpi.scale for kpi in catalogue.kpis if kpi.kind == "ratio"}
    series = ["kpi_id", "entity_id"]
    frame = facts.sort([*series, "date_key"]).with_columns(
        above=pl.col("numerator").fill_null(pl.col("value")),
        below=pl.col("denominator").fill_null(1.0),
        there=pl.col("value").is_not_null().cast(pl.Float64),
        y=pl.col("date_key").dt.year(),
        q=pl.col("date_key").dt.quarter(),
        m=pl.col("date_key").dt.month(),
    )
    parts = {"mtd": ["y", "m"], "qtd": ["y", "q"], "ytd": ["y"]}
    made = []
    for window in WINDOWS:
        if window in parts:
            over = [*series, *parts[window]]
            above, below, there = (pl.col(name).cum_sum().over(over) for name in ("above", "below", "there"))
        else:
            above, below, there = (
                pl.col(name).rolling_sum(28, min_samples=1).over(series)
                for name in ("above", "below", "there")
            )
        scale = pl.col("kpi_id").replace_strict(scales, default=1.0)
        value = (
            pl.when(pl.col("kpi_id").is_in(stocks))
            .then(pl.col("value"))
            .when(pl.col("kpi_id").is_in(list(scales)))
            .then(above / below * scale)
            .otherwise(above)
        )
        made += [value.alias(f"{window}_value"), there.alias(f"{window}_there")]
    rolled = frame.select("date_key", *series, *made)
    bounds = pl.from_pandas(as_of_table(catalogue, DAYS)).rename({"as_of_date": "date_key"})
    result = rolled.join(bounds, on="date_key", how="left")
    for window in WINDOWS:
        earlier = rolled.select(
            pl.col("date_key").alias(f"{window}_prior_end"),
            *series,
            pl.col(f"{window}_value").alias(f"{window}_prior"),
            pl.col(f"{window}_there").alias(f"{window}_prior_there"),
        )
        result = result.join(earlier, on=[f"{window}_prior_end", *series], how="left")
    return result


def duckdb_sql() -> str:
    """Return the roll-up with DuckDB's window functions."""
    parts = {
        "mtd": "PARTITION BY kpi_id, entity_id, year(date_key), month(date_key) ORDER BY date_key",
        "qtd": "PARTITION BY kpi_id, entity_id, year(date_key), quarter(date_key) ORDER BY date_key",
        "ytd": "PARTITION BY kpi_id, entity_id, year(date_key) ORDER BY date_key",
        "last28": "PARTITION BY kpi_id, entity_id ORDER BY date_key "
        "ROWS BETWEEN 27 PRECEDING AND CURRENT ROW",
    }
    made = ", ".join(
        f"CASE kind WHEN 'last' THEN value WHEN 'ratio' THEN sum(numerator) OVER {name} "
        f"/ sum(denominator) OVER {name} * scale ELSE sum(value) OVER {name} END AS {name}_value, "
        f"count(value) OVER {name} AS {name}_there"
        for name in parts
    )
    named = ", ".join(f"{name} AS ({over})" for name, over in parts.items())
    priors = ", ".join(f"{n}.{n}_value AS {n}_prior, {n}.{n}_there AS {n}_prior_there" for n in parts)
    joins = " ".join(
        f"LEFT JOIN rolled AS {n} ON {n}.date_key = a.{n}_prior_end "
        f"AND {n}.kpi_id = r.kpi_id AND {n}.entity_id = r.entity_id"
        for n in parts
    )
    return (
        "CREATE OR REPLACE TABLE result AS WITH rolled AS MATERIALIZED "
        f"(SELECT date_key, kpi_id, entity_id, {made} "
        f"FROM facts JOIN kpis USING (kpi_id) WINDOW {named}) "
        f"SELECT r.*, {priors} FROM rolled AS r JOIN as_of_dates AS a ON a.as_of_date = r.date_key {joins}"
    )


def duckdb_tables(catalogue: Catalogue, facts: pd.DataFrame) -> Any:
    """Return an in-memory DuckDB with ``facts``, ``kpis`` and ``as_of_dates`` as tables of its own."""
    import duckdb

    connection = duckdb.connect()
    kpis = pd.DataFrame(
        {
            "kpi_id": [kpi.id for kpi in catalogue.kpis],
            "kind": [kpi.kind for kpi in catalogue.kpis],
            "scale": [kpi.scale for kpi in catalogue.kpis],
        }
    )
    for name, frame in (("facts", facts), ("kpis", kpis), ("as_of_dates", as_of_table(catalogue, DAYS))):
        connection.register("incoming", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
        connection.unregister("incoming")
    for column in ("value", "numerator", "denominator"):
        connection.execute(f"UPDATE facts SET {column} = NULL WHERE isnan({column})")
    return connection
