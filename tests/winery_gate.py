"""A built winery that tests may damage, and the gate over it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.compute import dashboard_from_facts, unpivot
from kpi_lib.domains.winery.sample import Sample, make
from kpi_lib.periods import dim_date
from kpi_lib.quality import CheckResult, GateResult, gate, validate
from kpi_lib.warehouse import DuckDBWarehouse, load_sources, write_sources
from tests.part_of_suites import suites_of

AS_OF = dt.date(2026, 10, 6)
SUITES = Path(__file__).parents[1] / "expectations" / "winery"
LAYERS = {layer: f"winery_{layer}" for layer in ("raw", "mart", "kpi", "ops")}
#: Conditions that pick one row, for statements that plant a defect.
ROWS = {
    "order": "order_id = (SELECT MAX(order_id) FROM raw.stg_order WHERE status = 'paid' AND channel = 'POS' "
    "AND event_fee_or_wine IS NULL AND NOT tasting_lounge AND external_order_vendor IS NULL)",
    "line": "line_no = 1 AND order_id = (SELECT MAX(order_id) FROM raw.stg_order_item)",
    "visit": "reservation_id = (SELECT MAX(reservation_id) FROM raw.stg_tock_reservation "
    "WHERE status = 'finished' AND CAST(reservation_datetime AS DATE) = DATE '2026-10-04')",
    "member": "membership_id = (SELECT MAX(membership_id) FROM raw.stg_club_membership "
    "WHERE cancel_at IS NULL)",
    "day": "date_key = DATE '2026-10-03' AND entity_id = 1",
}


class BuiltWinery:
    """A warehouse with every table of the winery as of :data:`AS_OF`."""

    def __init__(self, warehouse: DuckDBWarehouse, catalogue: Catalogue, first_day: dt.date) -> None:
        self.warehouse = warehouse
        self.catalogue = catalogue
        self.first_day = first_day

    def gate(self, suites: Path = SUITES, as_of: dt.date = AS_OF) -> GateResult:
        """Run the gate over the tables as they are now."""
        return validate(
            self.warehouse.query,
            self.catalogue,
            suites,
            as_of=as_of,
            first_day=self.first_day,
            last_day=AS_OF,
        )

    def gate_of(self, *tables: str, as_of: dt.date = AS_OF, reconciled: bool = False) -> GateResult:
        """Run the suites of these tables, and the reconciliations where that is asked for."""
        with suites_of(SUITES, *tables) as folder, pytest.MonkeyPatch.context() as patch:
            if not reconciled:
                patch.setattr(gate, "derive", lambda *_: ())
                patch.setattr(gate, "read_reconciliations", lambda _: ())
            return self.gate(folder, as_of)

    @contextmanager
    def damaged(self, *statements: str) -> Iterator[None]:
        """Plant defects for the time of the block; each statement must change something."""
        connection = self.warehouse._connection
        connection.execute("BEGIN")
        try:
            for statement in statements:
                sql = re.sub(r"\b(raw|mart|kpi)\.", r"winery_\1.", picked(statement))
                changed = connection.execute(sql).fetchall()
                assert changed and changed[0][0] > 0, f"nothing was damaged by: {statement}"
            yield
        finally:
            connection.execute("ROLLBACK")


def picked(statement: str) -> str:
    """Put conditions in place of ``{order}``, ``{day}``, ….

    Plain replacement: payloads hold braces of their own.
    """
    for name, condition in ROWS.items():
        statement = statement.replace(f"{{{name}}}", condition)
    return statement


@contextmanager
def built_winery(
    folder: Path, catalogue: Catalogue | None = None, edit: Callable[[Sample], Sample] = lambda sample: sample
) -> Iterator[BuiltWinery]:
    """Build two years of the sample, which is enough for every window and its prior year.

    ``catalogue`` replaces the shipped definitions, and ``edit`` changes the sources.
    """
    catalogue = catalogue or load_catalogue("winery")
    sample = edit(make(AS_OF, years=2))
    write_sources(sample.frames, catalogue, folder / "landing", sample.manifest)
    with DuckDBWarehouse.open(":memory:", LAYERS) as warehouse:
        loads = load_sources(warehouse, catalogue, folder / "landing")
        required = [source.name for source in catalogue.sources if source.required]
        first_day = loads[loads["source"].isin(required)]["loaded_from"].min().date()
        _put_dimensions(warehouse, catalogue)
        span = {
            "time_zone": catalogue.calendar.time_zone,
            "first_day": first_day,
            "last_day": AS_OF,
            "as_of": AS_OF,
        }
        for model in catalogue.models:
            sql = (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8")
            warehouse.build(model.table, sql, span)
        wide = warehouse.query("SELECT * FROM mart.agg_daily_revenue ORDER BY date_key, entity_id")
        facts = unpivot(wide, catalogue)
        warehouse.replace("kpi.fact_kpi_daily", facts)
        dashboard = dashboard_from_facts(facts, catalogue, as_of=[AS_OF], loaded=(first_day, AS_OF))
        warehouse.replace("kpi.agg_kpi_dashboard", dashboard)
        yield BuiltWinery(warehouse, catalogue, first_day)


def failed(gate: GateResult) -> dict[str, CheckResult]:
    """Return the rules that do not hold, by table and name."""
    return {f"{result.table}.{result.name}": result for result in gate.failures()}


def _put_dimensions(warehouse: DuckDBWarehouse, catalogue: Catalogue) -> None:
    kpis = [
        {
            "kpi_id": kpi.id, "kpi_code": kpi.code, "kpi_name": kpi.name, "kpi_group": kpi.group,
            "kind": kpi.kind, "format": kpi.format, "unit": kpi.unit, "decimals": kpi.decimals,
            "direction": kpi.direction, "definition": kpi.definition, "version": kpi.version,
        }
        for kpi in catalogue.kpis
    ]  # fmt: skip
    ids = {entity.code: entity.id for entity in catalogue.entities}
    entities = [
        {
            "entity_id": entity.id, "entity_code": entity.code, "entity_name": entity.name,
            "entity_type": entity.type, "parent_id": ids.get(entity.parent or ""), "opened": entity.opened,
            "closed": entity.closed, "rule": entity.rule,
        }
        for entity in catalogue.entities
    ]  # fmt: skip
    types = {"parent_id": "Int64", "opened": "datetime64[s]", "closed": "datetime64[s]"}
    warehouse.replace("kpi.dim_kpi", pd.DataFrame(kpis))
    warehouse.replace("kpi.dim_entity", pd.DataFrame(entities).astype(types))
    dates = dim_date(catalogue.calendar, dt.date(2024, 1, 1), dt.date(2027, 12, 31))
    warehouse.replace("mart.dim_date", dates)
