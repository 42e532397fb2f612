"""A marketplace warehouse for tests: tables in, scorecard out.

>>> bench.sale("1", "2026-03-01", 100)
>>> bench.run("2026-06-30")["revenue_ytd"]
100.0
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.catalogue.dashboard_kpis import dashboard_kpis, fiscal_years, metric_queries, render_sql
from kpi_lib.catalogue.scorecard import Scorecard, load_scorecard
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.periods import dim_date
from kpi_lib.warehouse.duck import DuckDBWarehouse
from kpi_lib.warehouse.tables import physical_layers
from kpi_lib.warehouse.types import to_arrow

FOLDER = SHIPPED_DOMAINS / "marketplace"
SUITES = Path(__file__).parents[1] / "expectations" / "marketplace"
ZONE = "America/Los_Angeles"
NOW = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)
ACCOUNTS = {"services": "1", "events": "3", "gmv": "5", "discount": "7", "freight": "8"}
_DOMAIN = f"""
title = "Test"
[calendar]
time_zone = "{ZONE}"
fiscal_start_month = 1
[[groups]]
code = "all"
name = "All"
"""
_KPI = '[[kpis]]\nid = 1\ncode = "x"\nname = "X"\ngroup = "all"\nkind = "sum"\ndefinition = "X."\n'


def marketplace_catalogue(folder: Path) -> Catalogue:
    """Return a catalogue with the marketplace's sources; it has no KPIs of its own yet."""
    domain = folder / "marketplace"
    domain.mkdir()
    shutil.copy(FOLDER / "sources.toml", domain)
    (domain / "domain.toml").write_text(_DOMAIN)
    (domain / "kpis.toml").write_text(_KPI)
    (domain / "entities.csv").write_text("id,code,name,type\n0,ALL,All,company\n")
    return load_catalogue(domain)


class Bench:
    """A warehouse whose source tables are filled row by row."""

    def __init__(self, folder: Path) -> None:
        self.catalogue = marketplace_catalogue(folder)
        self.scorecard: Scorecard = load_scorecard(FOLDER)
        self.warehouse = DuckDBWarehouse.open(":memory:", physical_layers(self.catalogue))
        self.rows: dict[str, list[dict[str, Any]]] = {source.name: [] for source in self.catalogue.sources}
        for number, code, name in (
            ("1", "4000", "Services Revenue"),
            ("3", "4000 02", "Services Revenue: Events"),
            ("5", "4100 01", "Marketplace Revenue GMV"),
            ("7", "4190", "Discounts"),
            ("8", "4200", "Freight"),
        ):
            self.add("account", id=number, account_number=code, name=name)
        self.add("deal_pipeline_stage", stage_id="half", pipeline_id="default", label="Half", probability=0.5)
        self.warehouse.replace(
            "mart.dim_date", dim_date(self.catalogue.calendar, dt.date(2019, 1, 1), dt.date(2028, 12, 31))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.warehouse.close()

    def add(self, source: str, **values: object) -> None:
        """Add a row; columns that are not given are null."""
        self.rows[source].append(values)

    def customers(self, *ids: str) -> None:
        for number in ids:
            self.add("customer", id=number, company_name=f"Company {number}")

    def sale(
        self, customer: str | None, day: str, amount: float, account: str = "gmv", **head: object
    ) -> None:
        self._document("invoice", customer, day, amount, account, head)

    def refund(
        self, customer: str | None, day: str, amount: float, account: str = "gmv", **head: object
    ) -> None:
        self._document("credit_memo", customer, day, amount, account, head)

    def _document(
        self,
        source: str,
        customer: str | None,
        day: str,
        amount: float,
        account: str,
        head: Mapping[str, object],
    ) -> None:
        number = str(len(self.rows[source]) + 1)
        values = {"id": number, "customer_id": customer, "transaction_date": day, "total_amount": amount}
        self.add(source, **{**values, "balance": 0, **head})
        self.add(
            f"{source}_line",
            index=1,
            amount=amount,
            sales_item_account_id=ACCOUNTS[account],
            **{f"{source}_id": number},
        )

    def deal(self, closes: str, amount: float | None, **values: object) -> None:
        """Add an open deal at a stage of one half."""
        plain = {"deal_id": len(self.rows["deal"]) + 1, "owner_id": 1, "deal_pipeline_stage_id": "half"}
        times = {"property_createdate": "2026-01-05 12:00", "property_closedate": f"{closes} 12:00"}
        self.add("deal", **{**plain, **times, "property_amount": amount, **values})

    def offer(self, contract: int, day: str, amount: float, status: str = "accepted") -> None:
        number = len(self.rows["offer"]) + 1
        self.add(
            "offer",
            offer_id=number,
            contract_id=contract,
            amount=amount,
            status=status,
            accepted_at=f"{day} 12:00",
        )

    def contract(self, number: int, value: float, closes: str, ends: str | None, customer: str = "1") -> None:
        self.add(
            "contract", contract_id=number, customer_id=customer, program="Sampling", contract_value=value,
            close_date=closes, end_date=ends,
        )  # fmt: skip

    def load(self) -> None:
        """Write the rows into the source tables."""
        for source in self.catalogue.sources:
            types = {column.name: column.type for column in source.columns}
            frame = pd.DataFrame(self.rows[source.name], columns=list(types))
            for name, kind in types.items():
                if kind in ("DATE", "TIMESTAMP"):
                    days = pd.to_datetime(frame[name])
                    frame[name] = (
                        days.dt.tz_localize(ZONE).dt.tz_convert("UTC") if kind == "TIMESTAMP" else days
                    )
                elif kind == "NUMERIC":
                    frame[name] = frame[name].astype("float64")
            table = f"{source.layer}.{source.name}"
            self.warehouse.replace_arrow(table, to_arrow(frame, table, types.get))

    def build(self, as_of: dt.date, *, models: bool = True) -> None:
        """Build the models and the views."""
        params = {"as_of": as_of, "fiscal_year": as_of.year, "time_zone": ZONE}
        for model in self.scorecard.models if models else ():
            self.warehouse.build(model.table, (FOLDER / "sql" / model.sql).read_text(), params)
        present = self.warehouse.query(
            "SELECT DISTINCT fiscal_year FROM mart.revenue_line WHERE fiscal_year IS NOT NULL"
        )
        years = fiscal_years(present["fiscal_year"].astype(int), as_of.year)
        for view in self.scorecard.views:
            self.warehouse.build(view.table, render_sql(view.text, as_of.year, years), params)

    def answer(self, as_of: dt.date) -> pd.DataFrame:
        """Ask every metric; return ``dashboard_kpis``."""
        queries = metric_queries(self.scorecard, fiscal_year=as_of.year, as_of=as_of, time_zone=ZONE)
        answers = [(query, self.warehouse.query(query.sql, query.params)) for query in queries]
        return dashboard_kpis(answers, fiscal_year=as_of.year, updated_at=NOW)

    def run(self, as_of: str) -> dict[str, float | None]:
        """Load, build, ask; return value by metric key, None where there is none."""
        day = dt.date.fromisoformat(as_of)
        self.load()
        self.build(day)
        frame = self.answer(day)
        return {
            key: None if pd.isna(value) else float(value)
            for key, value in zip(frame["metric_key"], frame["metric_value"], strict=True)
        }

    def view(self, name: str) -> pd.DataFrame:
        """Return the rows of a built view."""
        return self.warehouse.query(f"SELECT * FROM kpi.{name}")
