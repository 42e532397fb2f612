"""The figures of daily KPIs as CSV: the day's long table, the daily values, and each KPI's own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kpi_lib.reporting.context import NavItem
from kpi_lib.reporting.downloads import FOLDER, csv_name, csv_text, kpi_csv_name
from kpi_lib.reporting.exported import Exported
from kpi_lib.reporting.html import write_text


def write_kpi_files(site: Path, item: Exported) -> tuple[NavItem, ...]:
    """Write the CSV files of a domain's KPIs into ``downloads``; return the links of the home page.

    Parameters
    ----------
    site
        The site's root folder.
    item
        The domain's figures.
    """
    if item.report is None:
        return ()
    domain = item.catalogue.domain
    daily = item.report.daily
    files = {csv_name(domain, "figures"): long_table(item), csv_name(domain, "daily"): daily_table(item)}
    for kpi in item.catalogue.kpis:
        own = daily[daily["kpi_id"] == kpi.id].sort_values("date_key")
        columns = ["date_key", "value", *(["numerator", "denominator"] if kpi.kind == "ratio" else [])]
        files[kpi_csv_name(domain, kpi.code)] = own[columns].rename(columns={"date_key": "date"})
    for name, frame in files.items():
        write_text(site / FOLDER / name, csv_text(frame))
    return (
        NavItem("Every figure of the day (CSV)", f"{FOLDER}/{csv_name(domain, 'figures')}"),
        NavItem("Every day of every KPI (CSV)", f"{FOLDER}/{csv_name(domain, 'daily')}"),
    )


def long_table(item: Exported) -> pd.DataFrame:
    """Return the day's roll-ups with names in place of ids, each value rounded as the payload has it."""
    codes = {kpi.id: kpi.code for kpi in item.catalogue.kpis}
    entities = {entity.id: entity.code for entity in item.catalogue.entities}
    decimals = item.rollups["kpi_id"].map({kpi.id: kpi.decimals for kpi in item.catalogue.kpis})
    frame = item.rollups.drop(columns=["kpi_id", "entity_id"])
    for name in ("value", "prior", "delta"):
        rounded = [
            round(value, digits) for value, digits in zip(frame[name].astype(float), decimals, strict=True)
        ]
        frame = frame.assign(**{name: rounded})
    frame.insert(1, "kpi", item.rollups["kpi_id"].map(codes))
    frame.insert(2, "entity", item.rollups["entity_id"].map(entities))
    return frame


def daily_table(item: Exported) -> pd.DataFrame:
    """Return a row a day and a column a KPI, of the whole company."""
    if item.report is None:
        return pd.DataFrame()
    codes = {kpi.id: kpi.code for kpi in item.catalogue.kpis}
    daily = item.report.daily
    wide = daily.assign(kpi=daily["kpi_id"].map(codes)).pivot(index="date_key", columns="kpi", values="value")
    wide = wide.reindex(columns=[kpi.code for kpi in item.catalogue.kpis])
    return wide.rename_axis(index="date", columns=None).reset_index()
