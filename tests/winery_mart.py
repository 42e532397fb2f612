"""Builds the winery's marts from source rows, for tests: hand-made rows or a sample's frames."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa

from kpi_lib import periods
from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.warehouse.duck import DuckDBWarehouse
from kpi_lib.warehouse.types import ARROW_TYPES

LAYERS = {name: f"winery_{name}" for name in ("raw", "mart", "kpi", "ops")}
DAY = dt.date(2024, 3, 5)
#: 12:00 in Los Angeles on ``DAY``.
NOON = dt.datetime(2024, 3, 5, 20, 0, tzinfo=dt.UTC)
MAIN, CAVE, ONLINE = "Main Tasting Room", "Cave Tasting Room", "Online"
ENTITY_IDS = {"ALL": 0, "MAIN_TASTING_ROOM": 1, "CAVE_TASTING_ROOM": 2, "ONLINE": 3, "UNASSIGNED": 9}


def local(*parts: int) -> dt.datetime:
    """Return a local time of day: a DATETIME, which has no zone."""
    return dt.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


_NO_MONEY = dict.fromkeys(("refund_amount", "discount", "tax", "tip", "shipping"), Decimal(0))
_DEFAULTS: dict[str, dict[str, Any]] = {
    "stg_order": {
        "paid_at": NOON, "order_date": DAY, "channel": "POS", "location": MAIN, "customer_id": None,
        "tasting_lounge": False, "event_specific_sale": False, "status": "paid", **_NO_MONEY,
        "subtotal": Decimal(100), "total": Decimal(100), "currency": "USD",
    },
    "stg_order_item": {
        "line_no": 1, "product_id": 1, "item_type": "Wine", "quantity": 1, "unit_price": Decimal(100),
        "paid_at": NOON,
    },
    "stg_product": {"sku": "X", "title": "X", "type": "Red Wine", "bottle_ml": 750, "price": Decimal(100)},
    "stg_tock_reservation": {
        "experience_name": "Tasting", "reservation_datetime": local(2024, 3, 5, 14, 0),
        "location": MAIN,        "party_size": 2, "status": "finished", "final_total": Decimal(70),
    },
    "stg_tock_guest": {"is_new": True},
    "stg_club_membership": {"club": "Classic", "signup_at": NOON, "location": MAIN},
    "dim_experience": {},
    "dim_customer": {"region": "CA"},
}  # fmt: skip
EXPERIENCES = [
    {"experience": "Tasting", "attribution": "Tasting Room"},
    {"experience": "Pickup", "attribution": "Club"},
    {"experience": "Dinner", "attribution": "Event"},
]


@dataclass(frozen=True)
class Mart:
    """The two mart tables, and a way to read one number."""

    lines: pd.DataFrame
    wide: pd.DataFrame
    types: dict[str, str]

    def value(self, column: str, day: dt.date = DAY, entity: str = "ALL") -> Any:
        """Return one number, or None where it is missing."""
        row = self.wide[
            (self.wide["date_key"] == pd.Timestamp(day)) & (self.wide["entity_id"] == ENTITY_IDS[entity])
        ]
        assert len(row) == 1, f"{len(row)} rows for {day} and {entity}"
        found = row[column].iloc[0]
        return None if pd.isna(found) else found


def schema(catalogue: Catalogue, source: str) -> pa.Schema:
    """Return a source's declared columns as an Arrow schema."""
    declared = next(item for item in catalogue.sources if item.name == source)
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in declared.columns])


def hand_made(catalogue: Catalogue, **rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Table]:
    """Return every source as an Arrow table; what a row does not say is an ordinary default."""
    rows = {"dim_experience": EXPERIENCES, "stg_product": [{"product_id": 1}], **rows}
    tables = {}
    for source in catalogue.sources:
        fields = schema(catalogue, source.name)
        blank = dict.fromkeys(fields.names)
        made = []
        for number, row in enumerate(rows.get(source.name, ()), start=1):
            unknown = set(row) - set(fields.names)
            assert not unknown, f"{source.name} has no {unknown}"
            key = {source.key[0]: number} if source.name != "dim_experience" else {}
            made.append({**blank, **_DEFAULTS[source.name], **key, **row})
        tables[source.name] = pa.Table.from_pylist(made, schema=fields)
    return tables


def of_frames(catalogue: Catalogue, frames: Mapping[str, pd.DataFrame]) -> dict[str, pa.Table]:
    """Return a sample's frames as Arrow tables of the declared types."""
    return {
        name: pa.Table.from_pandas(frame, schema=schema(catalogue, name), preserve_index=False)
        for name, frame in frames.items()
    }


def build_mart(
    tables: Mapping[str, pa.Table],
    *,
    first_day: dt.date = DAY,
    last_day: dt.date = DAY,
    loads: Mapping[str, tuple[dt.date, dt.date] | None] | None = None,
    catalogue: Catalogue | None = None,
) -> Mart:
    """Build both marts in a fresh warehouse.

    ``loads`` says what a source covers where that is not the whole span; None leaves its record out.
    """
    catalogue = catalogue or load_catalogue("winery")
    with DuckDBWarehouse.open(":memory:", LAYERS) as warehouse:
        for name, rows in tables.items():
            warehouse.replace_arrow(f"raw.{name}", rows)
        warehouse.replace("raw.source_load", _loads(tables, first_day, last_day, loads or {}))
        warehouse.replace("kpi.dim_entity", dim_entity(catalogue))
        warehouse.replace("mart.dim_date", periods.dim_date(catalogue.calendar, "2015-01-01", "2035-12-31"))
        for model in catalogue.models:
            sql = (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8")
            warehouse.build(model.table, sql, parameters(catalogue, first_day, last_day))
        return Mart(
            _read(warehouse, "mart.order_line", "order_id, effect DESC"),
            _read(warehouse, "mart.agg_daily_revenue", "date_key, entity_id"),
            warehouse.columns("mart.agg_daily_revenue"),
        )


def _read(warehouse: DuckDBWarehouse, table: str, order: str) -> pd.DataFrame:
    frame = warehouse.query(f"SELECT * FROM {table} ORDER BY {order}")
    # NUMERIC has nine decimals: what a conversion to float adds beyond them is no part of the number.
    decimals = [name for name, kind in warehouse.columns(table).items() if kind == "NUMERIC"]
    return frame.round(dict.fromkeys(decimals, 9))


def parameters(catalogue: Catalogue, first_day: dt.date, last_day: dt.date) -> dict[str, object]:
    """Return the parameters that a model's SQL may use."""
    zone = catalogue.calendar.time_zone
    return {"time_zone": zone, "first_day": first_day, "last_day": last_day, "as_of": last_day}


def dim_entity(catalogue: Catalogue) -> pd.DataFrame:
    """Return the entity dimension."""
    ids = {entity.code: entity.id for entity in catalogue.entities}
    frame = pd.DataFrame(
        [
            {
                "entity_id": entity.id,
                "entity_code": entity.code,
                "entity_name": entity.name,
                "entity_type": entity.type,
                "parent_id": ids.get(entity.parent or ""),
                "opened": entity.opened,
                "closed": entity.closed,
                "rule": entity.rule,
            }
            for entity in catalogue.entities
        ]
    )
    return frame.astype(
        {"parent_id": "Int64", "opened": "datetime64[s]", "closed": "datetime64[s]", "rule": "str"}
    )


def _loads(
    tables: Mapping[str, pa.Table],
    first_day: dt.date,
    last_day: dt.date,
    loads: Mapping[str, tuple[dt.date, dt.date] | None],
) -> pd.DataFrame:
    spans = {name: loads.get(name, (first_day, last_day)) for name in tables}
    rows = [(name, *span) for name, span in spans.items() if span is not None]
    frame = pd.DataFrame(rows, columns=["source", "loaded_from", "complete_through"])
    return frame.astype({"loaded_from": "datetime64[s]", "complete_through": "datetime64[s]"}).assign(
        loaded_at=pd.Timestamp("2030-01-01", tz="UTC"), row_count=0
    )
