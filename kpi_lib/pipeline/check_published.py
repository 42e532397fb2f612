"""What only the published warehouse can tell about definitions: changed meanings, stocks that are summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kpi_lib.catalogue import Catalogue, DuckDBProfile, Kpi, Problem, Profile
from kpi_lib.catalogue.fingerprint import meaning
from kpi_lib.errors import WarehouseError
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.tables import FACTS, physical_layers

DIM_KPI = "kpi.dim_kpi"
#: Fewer days, or fewer days on which a level moves, prove nothing.
_DAYS, _MOVES = 60, 10
#: A level that moves by this share of itself on half of the days is hardly a flow.
_STEADY = 0.01


def check_published(profile: Profile, catalogue: Catalogue) -> list[Problem]:
    """Return what a domain's published tables say against its definitions; nothing before a first build."""
    if not isinstance(profile, DuckDBProfile) or not profile.path.exists():
        return []
    try:
        with DuckDBWarehouse.open(profile.path, physical_layers(catalogue), read_only=True) as warehouse:
            return [*_check_versions(warehouse, catalogue), *_check_stocks(warehouse, catalogue)]
    except WarehouseError as error:
        return [
            Problem(
                str(profile.path), "", f"definitions were not compared with it: {error.what}", error.remedy,
                severity="warning",
            )
        ]  # fmt: skip


def _check_versions(warehouse: DuckDBWarehouse, catalogue: Catalogue) -> list[Problem]:
    if not warehouse.exists(DIM_KPI) or "fingerprint" not in warehouse.columns(DIM_KPI):
        return []
    records = warehouse.query(f"SELECT * FROM {DIM_KPI}").to_dict("records")  # noqa: S608
    rows: dict[int, dict[str, Any]] = {
        int(row["kpi_id"]): {str(name): value for name, value in row.items()} for row in records
    }
    return [
        Problem(
            str(catalogue.folder / "kpis.toml"),
            f"{kpi.code}.version",
            f"its meaning is not the published one ({_difference(kpi, rows[kpi.id])}), "
            f"but its version is still {kpi.version}.",
            f"Write version = {rows[kpi.id]['version'] + 1}: its history is then told as redefined.",
        )
        for kpi in catalogue.kpis
        if kpi.id in rows
        and rows[kpi.id]["fingerprint"] != meaning(kpi)
        and kpi.version <= rows[kpi.id]["version"]
    ]


def _difference(kpi: Kpi, row: Mapping[str, Any]) -> str:
    """Return what differs, as far as the dimension tells."""
    now = {"kind": kpi.kind, "format": kpi.format, "unit": kpi.unit, "scale": kpi.scale}
    told = [
        f"{name} was {row[name]}"
        for name, value in now.items()
        if not (value == row[name] or (value is None and pd.isna(row[name])))
    ]
    return ", ".join(told) or "another column or another first day"


@dataclass(frozen=True)
class _Level:
    """A KPI that is declared a sum, day by day, and what the others were on those days."""

    kpi: Kpi
    values: npt.NDArray[np.float64]
    steps: npt.NDArray[np.float64]


def _check_stocks(warehouse: DuckDBWarehouse, catalogue: Catalogue) -> list[Problem]:
    if not warehouse.exists(FACTS):
        return []
    sums = [kpi for kpi in catalogue.kpis if kpi.kind == "sum"]
    rows = warehouse.query(
        f"SELECT date_key, kpi_id, value FROM {FACTS} WHERE entity_id = 0 ORDER BY date_key"  # noqa: S608
    )
    table = rows.pivot(index="date_key", columns="kpi_id", values="value")
    table = table.reindex(columns=[kpi.id for kpi in sums]).dropna(axis=1, how="all").dropna()
    together = np.diff(table.index.to_numpy()) == np.timedelta64(1, "D")
    if int(together.sum()) < _DAYS:
        return []
    problems = []
    for kpi in sums:
        if kpi.id not in table.columns:
            continue
        values = table[kpi.id].to_numpy(float)
        level = _Level(kpi, values, np.diff(values)[together])
        if int((level.steps != 0).sum()) >= _MOVES:
            problems += _judge(level, table.iloc[1:][together], catalogue)
    return problems


def _judge(level: _Level, flows: pd.DataFrame, catalogue: Catalogue) -> list[Problem]:
    file, key = str(catalogue.folder / "kpis.toml"), f"{level.kpi.code}.kind"
    remedy = 'Use kind = "last": a sum would count the same thing again every day.'
    found = _explained(level, flows, catalogue)
    if found:
        what = f"it is a stock, not a sum: on every published day it moved by {found}."
        return [Problem(file, key, what, remedy)]
    usual = float(np.median(np.abs(level.values)))
    moves = float(np.median(np.abs(level.steps)))
    if level.values.min() > 0.0 and moves <= _STEADY * usual:
        what = f"it looks like a stock: from day to day it moves by {moves / usual:.1%} (the median)."
        return [Problem(file, key, what, remedy, severity="warning")]
    return []


def _explained(level: _Level, flows: pd.DataFrame, catalogue: Catalogue) -> str:
    """Return which flow, or difference of two, the level moves by on every day; empty when there is none."""
    others = flows.drop(columns=level.kpi.id)
    amounts = others.to_numpy(float)
    codes = [catalogue.kpi(int(number)).code for number in others.columns]
    alone = np.isclose(amounts, level.steps[:, None], atol=1e-9).all(axis=0)
    if alone.any():
        return f"'{codes[int(alone.argmax())]}'"
    for place, code in enumerate(codes):
        wanted = amounts[:, place] - level.steps
        match = np.isclose(amounts, wanted[:, None], atol=1e-9).all(axis=0)
        # A flow that never happens explains nothing.
        match &= (amounts != 0.0).any(axis=0) & (amounts[:, place] != 0.0).any()
        if match.any():
            return f"'{code}' less '{codes[int(match.argmax())]}'"
    return ""
