"""The winery's SQL is GoogleSQL: the analyzer takes it, the reference implementation agrees with DuckDB."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from kpi_lib import periods
from kpi_lib.catalogue import load_catalogue
from kpi_lib.warehouse.types import ARROW_TYPES
from tests.winery_mart import DAY, NOON, Mart, build_mart, dim_entity, hand_made, local, parameters

zetasql_catalog = pytest.importorskip("tests.zetasql_catalog")

pytestmark = pytest.mark.googlesql

CATALOGUE = load_catalogue("winery")
NEXT = DAY + dt.timedelta(days=1)
LATE = NOON + dt.timedelta(hours=11, minutes=30)
TYPES = {str(arrow): google for google, arrow in ARROW_TYPES.items()}
ROWS: dict[str, list[dict[str, Any]]] = {
    "stg_order": [
        {"customer_id": 1, "tip": Decimal("3.30")},
        {"channel": "Web", "subtotal": Decimal("12.34"), "shipping": Decimal("15.5"), "paid_at": LATE},
        {"channel": "Club", "location": None, "refunded_at": LATE, "refund_amount": Decimal("0.07")},
        {"event_fee_or_wine": "Event Fee", "event_revenue_realization_date": NEXT, "discount": Decimal(5)},
        {"event_fee_or_wine": "Event Wine", "event_revenue_realization_date": None},
        {"status": "voided", "channel": "Inbound"},
        {"external_order_vendor": "Tock", "location": "Farmers Market"},
        {"tasting_lounge": True, "customer_id": 2},
        {"channel": "Inbound", "customer_id": 2, "paid_at": NOON + dt.timedelta(days=1)},
    ],
    "stg_order_item": [
        {"order_id": 1, "line_no": 1, "quantity": 5},
        {"order_id": 1, "line_no": 2, "product_id": 2, "quantity": 2, "item_type": "Merchandise"},
        {"order_id": 8, "line_no": 1, "quantity": 1},
        {"order_id": 9, "line_no": 1, "product_id": 3, "quantity": 2},
        {"order_id": 6, "line_no": 1, "quantity": 50},
    ],
    "stg_product": [
        {"product_id": 1},
        {"product_id": 2, "type": "Merchandise", "bottle_ml": None},
        {"product_id": 3, "type": "Rosé Wine", "bottle_ml": None},
    ],
    "stg_tock_reservation": [
        {},
        {"status": "cancelled"},
        {"experience_name": "Dinner", "party_size": 3, "final_total": Decimal("99.99"), "location": None},
        {"experience_name": "Pickup", "reservation_datetime": local(2024, 3, 6, 10, 0)},
        {"experience_name": "Unheard of"},
    ],
    "stg_tock_guest": [{"reservation_id": 1}, {"reservation_id": 1, "is_new": False}, {"reservation_id": 3}],
    "stg_club_membership": [
        {"customer_id": 1, "signup_at": NOON - dt.timedelta(days=900)},
        {"customer_id": 2, "location": None, "cancel_at": NOON + dt.timedelta(days=1)},
        {"customer_id": 3, "location": "Online", "signup_at": LATE},
    ],
    "dim_customer": [
        {"customer_id": 1, "first_order_date": DAY},
        {"customer_id": 2, "first_order_date": DAY},
    ],
}
LOADS = {"stg_order_item": (DAY, DAY), "stg_tock_guest": None}


@pytest.fixture(scope="module")
def google() -> Any:
    return zetasql_catalog.GoogleSql.of(CATALOGUE)


@pytest.fixture(scope="module")
def mart() -> Mart:
    rows = hand_made(CATALOGUE, **ROWS)
    return build_mart(rows, last_day=NEXT, loads=LOADS)


def test_google_takes_every_model_and_gives_the_types_we_store(google: Any, mart: Mart) -> None:
    google.add_models(CATALOGUE)
    assert google.tables["mart.agg_daily_revenue"] == mart.types
    lines = google.tables["mart.order_line"]
    assert [lines[name] for name in ("date_key", "amount", "orders")] == ["DATE", "NUMERIC", "INT64"]


def test_googles_reference_implementation_gives_the_same_marts(google: Any, mart: Mart) -> None:
    lines = inlined("order_line.sql", inline_tables())
    assert_same(rows_of(google, lines, ["order_id", "effect"]), mart.lines, ["order_id", "effect"])
    tables = {**inline_tables(), "mart.order_line": lines}
    wide = inlined("agg_daily_revenue.sql", tables)
    keys = ["date_key", "entity_id"]
    assert_same(rows_of(google, wide, keys), mart.wide, keys)


def rows_of(google: Any, sql: str, keys: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(google.evaluate(sql), columns=list(google.columns(sql, {})), dtype=object)
    return frame.sort_values(keys).reset_index(drop=True)


def assert_same(theirs: pd.DataFrame, ours: pd.DataFrame, keys: list[str]) -> None:
    ours = ours.sort_values(keys).reset_index(drop=True)
    assert list(theirs.columns) == list(ours.columns)
    assert len(theirs) == len(ours) > 0
    for column in ours.columns:
        for row, (found, expected) in enumerate(zip(ours[column], theirs[column], strict=True)):
            place = f"{column} of {theirs.loc[row, keys].tolist()}: {found} is not {expected}"
            if pd.isna(expected):
                assert pd.isna(found), place
            elif isinstance(expected, dt.date):
                assert found.date() == expected, place
            elif isinstance(expected, (Decimal, float)):
                assert found == pytest.approx(float(expected), abs=1e-9), place
            else:
                assert found == expected, place


def inline_tables() -> dict[str, str]:
    """Return every table the models read as a subquery of literals."""
    sources = hand_made(CATALOGUE, **ROWS)
    spans = {name: LOADS.get(name, (DAY, NEXT)) for name in sources}
    loads = [
        {"source": name, "loaded_from": span[0], "complete_through": span[1]}
        for name, span in spans.items()
        if span
    ]
    days = periods.dim_date(CATALOGUE.calendar, DAY - dt.timedelta(days=2), NEXT + dt.timedelta(days=2))
    return {
        **{f"raw.{name}": literals(table) for name, table in sources.items()},
        "raw.source_load": literals(pa.Table.from_pylist(loads)),
        "kpi.dim_entity": literals(
            pa.Table.from_pandas(
                dim_entity(CATALOGUE)[["entity_id", "entity_code", "entity_type", "parent_id", "rule"]]
            )
        ),
        "mart.dim_date": literals(dates_to_days(pa.Table.from_pandas(days))),
    }


def dates_to_days(table: pa.Table) -> pa.Table:
    fields = [
        field.with_type(pa.date32()) if pa.types.is_timestamp(field.type) else field for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def literals(table: pa.Table) -> str:
    kinds = {
        field.name: "STRING" if "string" in str(field.type) else TYPES[str(field.type)]
        for field in table.schema
    }
    if not table.num_rows:
        blank = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in kinds.items())
        return f"SELECT {blank} FROM UNNEST([1]) WHERE FALSE"
    return " UNION ALL ".join(
        "SELECT " + ", ".join(f"{literal(value, kinds[name])} AS {name}" for name, value in row.items())
        for row in table.to_pylist()
    )


def literal(value: Any, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}+00"
    return f"CAST('{value}' AS {kind})"


def inlined(file: str, tables: Mapping[str, str]) -> str:
    """Return a model's SQL with literals in place of its tables and parameters."""
    sql = Path(CATALOGUE.folder / "sql" / file).read_text(encoding="utf-8")
    sql = re.sub(r"--[^\n]*", "", sql)
    for name, value in parameters(CATALOGUE, DAY, NEXT).items():
        sql = sql.replace(f"@{name}", f"DATE '{value}'" if isinstance(value, dt.date) else f"'{value}'")
    return re.sub(r"\b(raw|kpi|mart)\.\w+\b", lambda found: f"({tables[found.group()]})", sql)
