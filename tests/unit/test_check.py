"""``kpi check``: what the definitions, their SQL and the published tables say against one another."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, DuckDBProfile, load_catalogue, load_settings, read
from kpi_lib.catalogue.fingerprint import definitions, meaning
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.pipeline.check import check
from kpi_lib.pipeline.check_published import check_published
from kpi_lib.pipeline.check_sql import check_model_columns
from kpi_lib.pipeline.dimensions import dim_kpi
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.tables import physical_layers
from tests.oracle.cases import catalogue, kpi

DAYS = pd.date_range("2026-01-01", periods=120, unit="us")


@pytest.fixture
def domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the winery in a project of its own."""
    (tmp_path / "kpi.toml").write_text('domains = ["winery"]\ndomain_folders = ["mine"]\n')
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[2]
    for name in ("notebooks", "expectations"):
        (tmp_path / name).symlink_to(root / name)
    return Path(shutil.copytree(SHIPPED_DOMAINS / "winery", tmp_path / "mine" / "winery"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, -1 if file.suffix == ".sql" else 1))


def said(domain: Path) -> str:
    return "\n".join(map(str, check(load_settings(domain.parents[1] / "kpi.toml"))))


def test_the_shipped_winery_is_fine(domain: Path) -> None:
    assert said(domain) == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "wanted"),
    [
        (
            "sql/order_line.sql", "refund_amount", "refnd_amount",
            "refnd_amount: neither",
        ),
        ("sql/order_line.sql", "refund_amount", "refnd_amount", "Did you mean 'refund_amount'"),
        ("sql/agg_daily_revenue.sql", "l.orders_from", "l.order_from", "Did you mean 'orders_from'"),
        (
            "domain.toml", 'date_column = "date_key"', 'date_column = "day"',
            "models[mart.order_line].date_column: order_line.sql gives no column 'day'",
        ),
        ("sources.toml", "refund_amount = 0", "refund_amont = 0", "stg_order.minimum: there is no column"),
        (
            "sources.toml", 'personal = ["customer_id"]', 'personal = ["customer"]',
            "stg_order.personal: there is no column 'customer'. Did you mean 'customer_id'",
        ),
        ("domain.toml", "add = ", "ad = ", "windows.ad: this key is unknown. Did you mean 'add'"),
        (
            "domain.toml", 'add = ["fytd"]',
            'add = ["fytd"]\n[[windows.define]]\nname = "h"\nkind = "trailing"\ndyas = 3',
            "windows.define[h].dyas: this key is unknown. Did you mean 'days'",
        ),
        (
            "domain.toml", 'add = ["fytd"]',
            'add = ["fytd"]\n[[windows.define]]\nname = "h"\nkind = "range"\n'
            "start = 2206-08-01\nend = 2206-09-01",
            "windows.define[h]: it runs from 2206-08-01 to 2206-09-01, outside the calendar",
        ),
        (
            "domain.toml", 'add = ["fytd"]',
            'add = ["fytd"]\n[[windows.define]]\nname = "mtd_x"\nkind = "t12m"\n[[comparisons]]\nname = "x"',
            "windows[mtd_x]: its column 'mtd_x_delta' of the dashboard belongs to window 'mtd' already",
        ),
        (
            "domain.toml", 'add = ["fytd"]',
            'add = ["fytd"]\n[[comparisons]]\nname = "x"\n[[comparisons]]\nname = "x"\nlabel = "y"',
            "comparisons: 'x' is used 2 times",
        ),
    ],
)  # fmt: skip
def test_a_problem_is_named(domain: Path, file: str, old: str, new: str, wanted: str) -> None:
    edit(domain / file, old, new)
    assert wanted in said(domain)


def test_a_sum_of_stocks_is_a_stock(domain: Path) -> None:
    edit(
        domain / "kpis.toml",
        'code = "new_member_acquisition"',
        'code = "new_member_acquisition"\nterms = { total_active_club_membership = 1 }',
    )
    assert "new_member_acquisition.kind: it is made of stocks" in "\n".join(map(str, read(domain)[1]))


def test_sql_that_cannot_be_followed_is_left_to_the_warehouse(domain: Path) -> None:
    (domain / "sql" / "order_line.sql").write_text("SELECT * FROM raw.elsewhere")
    assert check_model_columns(load_catalogue(domain)) == []
    (domain / "sql" / "order_line.sql").write_text("SELEC")
    assert check_model_columns(load_catalogue(domain)) == []


def test_what_a_number_means_has_a_fingerprint(domain: Path) -> None:
    base = kpi(1, "sum", format="currency")
    for prose in ({"name": "Other"}, {"definition": "Said better."}, {"decimals": 2}, {"version": 2}):
        assert meaning(base.model_copy(update=prose)) == meaning(base)
    for change in ({"kind": "last"}, {"column": "x"}, {"format": "number"}, {"since": dt.date(2025, 1, 1)}):
        assert meaning(base.model_copy(update=change)) != meaning(base)
    before = definitions(load_catalogue(domain), "c1")
    assert definitions(load_catalogue(domain), "c1") == before
    assert definitions(load_catalogue(domain), "c2") != before
    edit(domain / "kpis.toml", 'name = "Tasting Room Wine Revenue"', 'name = "Wine at the till"')
    assert definitions(load_catalogue(domain), "c1") == before
    edit(domain / "kpis.toml", 'kind = "sum"', 'kind = "sum"\nversion = 2')
    changed = definitions(load_catalogue(domain), "c1")
    assert [key for key in before if before[key] != changed[key]] == [1]


def profile(folder: Path, known: Catalogue, facts: pd.DataFrame | None = None) -> DuckDBProfile:
    path = folder / "published.duckdb"
    with DuckDBWarehouse.open(path, physical_layers(known)) as warehouse:
        warehouse.replace("kpi.dim_kpi", dim_kpi(known))
        if facts is not None:
            warehouse.replace("kpi.fact_kpi_daily", facts)
    return DuckDBProfile(path=path)


def test_a_changed_meaning_needs_a_new_version(tmp_path: Path) -> None:
    known = catalogue(kpis=(kpi(1, "sum"), kpi(2, "sum"), kpi(4, "ratio")))
    published = profile(tmp_path, known)
    assert check_published(published, known) == []
    ratio = kpi(4, "ratio", scale=100)
    other = catalogue(kpis=(kpi(1, "average"), kpi(2, "sum", column="x"), ratio, kpi(5, "sum")))
    texts = [str(problem) for problem in check_published(published, other)]
    assert len(texts) == 3
    assert (
        "average_1.version: its meaning is not the published one (kind was sum), but its version is still 1"
        in texts[0]
    )
    assert "another column" in texts[1]
    assert "(scale was 1.0)" in texts[2]
    assert "Write version = 2" in texts[0]
    newer = catalogue(kpis=(kpi(1, "average", version=2), kpi(2, "sum"), kpi(4, "ratio")))
    assert check_published(published, newer) == []


def flows(**series: np.ndarray) -> pd.DataFrame:
    numbers = {"new": 1, "gone": 2, "members": 3, "till": 4}
    parts = [
        pd.DataFrame({"date_key": DAYS, "kpi_id": numbers[name], "entity_id": 0, "value": values})
        for name, values in series.items()
    ]
    return pd.concat(parts).assign(numerator=np.nan, denominator=np.nan)


def test_a_stock_declared_as_a_sum_is_found_in_the_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    new, gone = rng.integers(0, 5, len(DAYS)) * 1.0, rng.integers(0, 4, len(DAYS)) * 1.0
    members, till = 700 + np.cumsum(new - gone), rng.integers(1, 9000, len(DAYS)) / 100
    known = catalogue(kpis=tuple(kpi(number, "sum") for number in (1, 2, 3, 4)))
    published = profile(tmp_path, known, flows(new=new, gone=gone, members=members, till=till))
    (found,) = check_published(published, known)
    assert (found.key, found.severity) == ("sum_3.kind", "error")
    assert "on every published day it moved by 'sum_1' less 'sum_2'" in found.what
    assert 'kind = "last"' in found.remedy
    right = catalogue(kpis=(kpi(1, "sum"), kpi(2, "sum"), kpi(3, "last", version=2), kpi(4, "sum")))
    assert check_published(published, right) == []
    (tmp_path / "alone").mkdir()
    alone = profile(tmp_path / "alone", known, flows(members=members, till=till))
    (found,) = check_published(alone, known)
    assert (found.key, found.severity) == ("sum_3.kind", "warning")
    assert ": warning: it looks like a stock" in str(found)
    (tmp_path / "short").mkdir()
    short = flows(new=new, gone=gone, members=members, till=till)
    few = profile(tmp_path / "short", known, short[short["date_key"] < DAYS[50]])
    assert check_published(few, known) == []


def test_without_a_published_warehouse_nothing_is_compared(tmp_path: Path) -> None:
    known = catalogue(kpis=(kpi(1, "sum"),))
    missing = DuckDBProfile(path=tmp_path / "none.duckdb")
    assert check_published(missing, known) == []
    (tmp_path / "none.duckdb").write_bytes(b"not a database" * 500)
    (found,) = check_published(missing, known)
    assert found.severity == "warning"
