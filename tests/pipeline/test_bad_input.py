"""Every bad input: said what, where and what to do; the right exit code; the last site untouched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from .conftest import Kpi, edit_source, site_state, without_notice

Break = Callable[[Path], None]
LANDING = Path("data") / "landing" / "winery"


def drop(name: str) -> Break:
    return lambda folder: (folder / LANDING / name).unlink()


def empty(name: str) -> Break:
    return lambda folder: (folder / LANDING / name).write_bytes(b"")


def no_rows(name: str) -> Break:
    return lambda folder: edit_source(folder, name, lambda frame: frame.head(0))


def set_first(name: str, column: str, value: object) -> Break:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        frame.loc[frame.index[0], column] = value
        return frame

    return lambda folder: edit_source(folder, name, change)


def as_text(name: str, column: str) -> Break:
    return lambda folder: edit_source(
        folder, name, lambda frame: frame.assign(**{column: frame[column].astype(str) + " USD"})
    )


def without(name: str, column: str) -> Break:
    return lambda folder: edit_source(folder, name, lambda frame: frame.drop(columns=column))


def doubled(name: str) -> Break:
    return lambda folder: edit_source(
        folder, name, lambda frame: pd.concat([frame, frame.head(2)], ignore_index=True)
    )


def in_future(folder: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        later = pd.Timestamp("2027-03-01 20:00", tz="UTC")
        # An order of no event, so that its payment decides its date.
        row = frame.index[frame["event_fee_or_wine"].isna() & (frame["status"] == "paid")][0]
        frame.loc[row, "paid_at"] = later
        frame.loc[row, "order_date"] = later.date()
        return frame

    edit_source(folder, "stg_order", change)


CASES: dict[str, tuple[Break, int, tuple[str, ...]]] = {
    "missing file": (drop("stg_order.parquet"), 3, ("stg_order.parquet",)),
    "empty file": (empty("stg_order.parquet"), 3, ("stg_order.parquet", "empty")),
    "no rows": (no_rows("stg_order"), 3, ("stg_order", "row")),
    "missing manifest": (drop("manifest.json"), 3, ("manifest.json",)),
    "broken manifest": (
        lambda folder: (folder / LANDING / "manifest.json").write_text("{"), 3, ("manifest.json",)
    ),
    "wrong type": (as_text("stg_order", "subtotal"), 3, ("stg_order", "subtotal")),
    "missing column": (without("stg_order", "subtotal"), 3, ("stg_order", "subtotal")),
    "duplicate keys": (doubled("stg_order"), 3, ("stg_order", "order_id")),
    "unknown channel": (set_first("stg_order", "channel", "Fax"), 3, ("channel", "Fax")),
    "negative party": (set_first("stg_tock_reservation", "party_size", -2), 3, ("party_size",)),
    "other currency": (set_first("stg_order", "currency", "EUR"), 3, ("currency", "EUR")),
    "date in the future": (in_future, 3, ("stg_order", "paid_at")),
}  # fmt: skip


# Each of these is a night up to the gate; test_night.py has one such, the gate's own tests have every rule.
AT_THE_GATE = ("unknown channel", "negative party", "other currency", "date in the future")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in AT_THE_GATE else name for name in CASES]
)
def test_bad_landing_files(published: Path, kpi: Kpi, name: str) -> None:
    before = site_state(published)
    harm, code, said = CASES[name]
    harm(published)
    outcome = kpi("nightly", "--only", "daily_dashboard")
    assert outcome.code == code, outcome.err
    for word in said:
        assert word in outcome.err
    assert "→" in outcome.err, "a remedy belongs to every error"
    assert "Traceback" not in outcome.err
    assert site_state(published) == before


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("2019-01-01", "before the data begins"),
        ("2026-11-21", "after the watermark"),
        ("2026-13-01", "is no date"),
        ("yesterday", "is no date"),
    ],
)
def test_an_as_of_date_that_cannot_be(published: Path, kpi: Kpi, date: str, said: str) -> None:
    before = site_state(published)
    outcome = kpi("nightly", "--as-of", date)
    assert outcome.code == 2
    assert said in outcome.err
    assert site_state(published) == before


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nightly", "--domain", "wineri"), "Did you mean 'winery'?"),
        (("nightly", "--profile", "locl"), "Did you mean 'local'?"),
        (("nightly", "--only", "daily_dashbord"), "Did you mean 'daily_dashboard'?"),
        (("nightly", "--renderer", "latex"), "latex"),
        (("query", "series", "--kpi", "total_dayly_revenue"), "total_daily_revenue"),
        (("query", "series"), "--kpi"),
        (("query", "today", "--entity", "MAIN"), "MAIN_TASTING_ROOM"),
        (("query", "today", "--as-of", "2020-01-01"), "2020-01-01"),
        (("backfill", "--from", "2026-11-02", "--to", "2026-11-01"), "empty"),
        (("backfill", "--from", "2000-01-01", "--to", "2026-11-01"), "beyond the data"),
        (("nightly", "--settings", "nowhere.toml"), "does not exist"),
    ],
)
def test_wrong_calls(published: Path, kpi: Kpi, args: tuple[str, ...], said: str) -> None:
    before = site_state(published)
    outcome = kpi(*args)
    assert outcome.code == 2, outcome.err
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert site_state(published) == before


def own_domain(folder: Path) -> Path:
    import shutil

    from kpi_lib.catalogue.settings import SHIPPED_DOMAINS

    shutil.copytree(SHIPPED_DOMAINS / "winery", folder / "mine" / "winery")
    (folder / "kpi.toml").write_text('domains = ["winery"]\ndomain_folders = ["mine"]\n')
    return folder / "mine" / "winery"


def test_a_kpi_that_names_an_unknown_column(published: Path, kpi: Kpi) -> None:
    before = site_state(published)
    kpis = own_domain(published) / "kpis.toml"
    kpis.write_text(kpis.read_text().replace('numerator = "total_visitors"', 'numerator = "total_visitor"'))
    checked = kpi("check")
    assert checked.code == 2
    assert "kpis.toml" in checked.out
    assert "Did you mean 'total_visitors'" in checked.out
    assert kpi("nightly").code == 2
    assert without_notice(site_state(published)) == without_notice(before)


def test_a_corrupt_warehouse(published: Path, kpi: Kpi) -> None:
    file = (published / "data" / "warehouse.duckdb").resolve()
    file.write_bytes(b"not a database at all" * 100)
    before = site_state(published)
    for args in (("nightly", "--force"), ("query", "today"), ("validate",)):
        outcome = kpi(*args)
        assert outcome.code == 4, (args, outcome.err)
        assert "duckdb" in outcome.err
        assert "Traceback" not in outcome.err
    assert kpi("doctor").code == 4
    assert without_notice(site_state(published)) == without_notice(before)
    home = (published / "build" / "site" / "index.html").read_text()
    assert "The night of" in home
    assert "failed: This is no DuckDB database. These are the last good figures" in home
    told = kpi("status")
    assert told.code == 1
    assert "The warehouse was not reached 1 time since" in told.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(published: Path, kpi: Kpi) -> None:
    releases = published / "data" / "warehouse.releases"
    releases.chmod(0o555)
    try:
        outcome = kpi("nightly", "--force")
    finally:
        releases.chmod(0o755)
    assert outcome.code == 4
    assert "cannot be written" in outcome.err


def test_nothing_is_there_yet(workspace: Path, kpi: Kpi) -> None:
    assert kpi("status").code == 1
    for args in (("query", "today"), ("validate",)):
        outcome = kpi(*args)
        assert outcome.code == 4
        assert "make report" in outcome.err
    outcome = kpi("render")
    assert outcome.code == 2
    assert "make report" in outcome.err


def test_a_users_own_exports_are_never_overwritten(published: Path, kpi: Kpi) -> None:
    manifest = published / LANDING / "manifest.json"
    data = json.loads(manifest.read_text())
    data.pop("sample", None)
    manifest.write_text(json.dumps(data))
    before = {path.name: path.read_bytes() for path in (published / LANDING).iterdir()}
    assert kpi("sample", "--missing").code == 0
    outcome = kpi("sample")
    assert outcome.code == 2
    assert "--force" in outcome.err
    assert {path.name: path.read_bytes() for path in (published / LANDING).iterdir()} == before


def test_a_stranger_in_the_way_is_left_alone(workspace: Path, kpi: Kpi) -> None:
    (workspace / "build" / "site").mkdir(parents=True)
    (workspace / "build" / "site" / "mine.html").write_text("mine")
    outcome = kpi("nightly")
    assert outcome.code == 4
    assert "in the way" in outcome.err
    assert (workspace / "build" / "site" / "mine.html").read_text() == "mine"


def test_extra_columns_and_money_as_floating_point_do_no_harm(published: Path, kpi: Kpi) -> None:
    """Floating point is fine as long as it holds whole cents."""

    def floats(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(note="x", subtotal=frame["subtotal"].astype(pd.ArrowDtype(pa.float64())))

    edit_source(published, "stg_order", floats)
    assert kpi("build").code == 0
