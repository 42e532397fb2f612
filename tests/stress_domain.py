"""A third domain of hostile names and extreme values, written as a user would write one of their own."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_lib.catalogue import load_catalogue
from kpi_lib.warehouse import write_sources

AS_OF = dt.date(2026, 11, 20)
FIRST = dt.date(2025, 11, 10)
SCRIPT = "<script>alert('ran')</script>"
SIGNS = 'a | b $1 #2 *3* _4_ `5` [6](7) \\8 & "9"'
FORMULA = "=cmd()"
RTL = "إيرادات المبيعات הכנסות"
LONG = ("Revenue of everything that was ever sold anywhere, " * 4)[:199] + "x"
WORD = "W" * 200
ODD_NAMES = (SCRIPT, SIGNS, FORMULA, RTL, LONG, WORD, "None", "nan", "-", "  spaced   out  ", "élan – ünï")
DOMAIN = f"""
title = "Stress {SCRIPT.replace('"', "'")} | $ #"
currency = "USD"
mart = "mart.agg_daily"
headline = "big"
cards = ["big", "tiny", "negative", "unknown"]

[calendar]
time_zone = "America/Los_Angeles"

[[groups]]
code = "first"
name = "<i>First</i> | $ # =cmd()"

[[groups]]
code = "second"
name = "{RTL}"

[[models]]
table = "mart.agg_daily"
sql = "agg_daily.sql"
date_column = "date_key"

[[reports]]
name = "daily_dashboard"
notebook = "daily_dashboard.ipynb"
title = "Daily {SCRIPT}"
nav = "Daily"
pdf = true

[[reports]]
name = "kpi_detail"
notebook = "kpi_detail.ipynb"
title = "KPI"
nav = "KPIs"
foreach = "kpi"

[[reports]]
name = "entity"
notebook = "entity.ipynb"
title = "Place"
nav = "Places"
foreach = "entity"

[[reports]]
name = "data_quality"
notebook = "data_quality.ipynb"
title = "Data quality"
nav = "Data quality"

[[reports]]
name = "restatements"
notebook = "restatements.ipynb"
title = "Restatements"
nav = "Restatements"
"""
KPIS = (
    ("big", SCRIPT, "first", "sum", "currency", 2),
    ("tiny", SIGNS, "first", "sum", "number", 4),
    ("negative", FORMULA, "first", "sum", "currency", 2),
    ("long", LONG, "second", "sum", "number", 0),
    ("word", WORD, "second", "last", "number", 0),
    ("rtl", RTL, "second", "sum", "currency", 2),
    ("unknown", "None", "second", "sum", "number", 0),
    ("young", "One day old", "second", "sum", "number", 0),
)
SOURCES = """
[[sources]]
name = "stg_sale"
key = ["day", "place"]
date_column = "day"
description = "One place and day. <b>Not bold</b> | $ #"
[sources.columns]
day = "DATE!"
place = "STRING!"
big = "FLOAT64"
tiny = "FLOAT64"
negative = "FLOAT64"
long = "FLOAT64"
word = "FLOAT64"
rtl = "FLOAT64"
unknown = "FLOAT64"
young = "FLOAT64"
"""
SQL = """
WITH placed AS (
  SELECT s.day, e.entity_id, s.big, s.tiny, s.negative, s.long, s.word, s.rtl, s.unknown, s.young
  FROM raw.stg_sale AS s
  INNER JOIN kpi.dim_entity AS e ON e.rule = s.place
  UNION ALL
  SELECT s.day, 0 AS entity_id, s.big, s.tiny, s.negative, s.long, s.word, s.rtl, s.unknown, s.young
  FROM raw.stg_sale AS s
)
SELECT day AS date_key, entity_id,
  SUM(big) AS big, SUM(tiny) AS tiny, SUM(negative) AS negative, SUM(long) AS long, SUM(word) AS word,
  SUM(rtl) AS rtl, SUM(unknown) AS unknown, SUM(young) AS young,
  SUM(negative) AS above, SUM(word) AS below
FROM placed
GROUP BY date_key, entity_id
"""


def place_names(count: int) -> list[str]:
    """Return the names of the places: the odd ones first."""
    return [*ODD_NAMES, *(f"Place {number}" for number in range(len(ODD_NAMES) + 1, count + 1))][:count]


def write_domain(parent: Path, landing: Path, places: int = 200) -> Path:
    """Write the domain's folder and its landing files; return the folder."""
    folder = parent / "stress"
    (folder / "sql").mkdir(parents=True)
    (folder / "domain.toml").write_text(DOMAIN, encoding="utf-8")
    (folder / "kpis.toml").write_text(_kpis(), encoding="utf-8")
    (folder / "sources.toml").write_text(SOURCES, encoding="utf-8")
    (folder / "sql" / "agg_daily.sql").write_text(SQL, encoding="utf-8")
    with (folder / "entities.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "code", "name", "type", "parent", "opened", "closed", "rule"])
        rows.writerow([0, "ALL", "All places", "all", "", "", "", ""])
        for number, name in enumerate(place_names(places), start=1):
            rows.writerow([number, f"P{number:03d}", name, "location", "ALL", "", "", f"p{number}"])
    span = {"loaded_from": str(FIRST), "complete_through": str(AS_OF), "loaded_at": f"{AS_OF}T23:00:00Z"}
    write_sources({"stg_sale": sales(places)}, load_catalogue(folder), landing / "stress", {"stg_sale": span})
    return folder


def sales(places: int) -> pd.DataFrame:
    """Return the source: values from a ten-thousandth to ten billion, below zero, never there, there once."""
    days = pd.date_range(FIRST, AS_OF)
    day, place = (
        item.ravel() for item in np.meshgrid(np.arange(len(days)), np.arange(places), indexing="ij")
    )
    newest = day == len(days) - 1
    nothing = np.full(len(day), np.nan)
    return pd.DataFrame(
        {
            "day": days[day],
            "place": [f"p{number + 1}" for number in place],
            "big": np.where(place == 0, 10_000_000_000.0, 0.01 * (place + 1)),
            "tiny": np.where(place == 0, 0.0001, 0.0),
            "negative": -1.0 * (place + 1) * (1 + day % 7),
            "long": (day + place) % 5,
            "word": 1_000 + place,
            "rtl": np.where(day % 2 == 0, 12.5, -12.5),
            "unknown": nothing,
            "young": np.where(newest, 7.0, np.nan),
        }
    )


def _kpis() -> str:
    parts = []
    for number, (code, name, group, kind, form, decimals) in enumerate(KPIS, start=1):
        parts.append(
            f'[[kpis]]\nid = {number}\ncode = "{code}"\nname = {json.dumps(name, ensure_ascii=False)}\n'
            f'group = "{group}"\nkind = "{kind}"\nformat = "{form}"\ndecimals = {decimals}\n'
            f"definition = {json.dumps('What it is: ' + name, ensure_ascii=False)}\n"
        )
    parts.append(
        '[[kpis]]\nid = 20\ncode = "share"\nname = "Share, | of $ nothing"\ngroup = "second"\n'
        'kind = "ratio"\n'
        'numerator = "above"\ndenominator = "below"\nformat = "percent"\nunit = "points"\ndecimals = 1\n'
        'scale = 100\ndefinition = "Below zero."\n'
    )
    return "\n".join(parts)
