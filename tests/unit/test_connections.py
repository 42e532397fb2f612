"""Failures of connections in a row, counted across processes."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

from kpi_lib.errors import WarehouseError
from kpi_lib.operations.connections import ConnectionCount

ROOT = Path(__file__).parents[2]
NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
AWAY = WarehouseError("BigQuery could not be reached: Connection refused.", where="profile 'prod'")


def count(folder: Path, minutes: int = 0) -> ConnectionCount:
    return ConnectionCount.of(folder, "prod", lambda: NOON + dt.timedelta(minutes=minutes))


def test_failures_in_a_row_are_counted_and_an_answer_ends_them(tmp_path: Path) -> None:
    for minutes in range(3):
        count(tmp_path, minutes).lost(AWAY)
    outage = count(tmp_path).read()
    assert (outage.failures, outage.worth_telling) == (3, True)
    assert (outage.since, outage.last) == ("2026-11-22T12:00:00+00:00", "2026-11-22T12:02:00+00:00")
    assert outage.error == AWAY.what
    count(tmp_path, 9).reached()
    after = count(tmp_path).read()
    assert (after.failures, after.recovered_at) == (0, "2026-11-22T12:09:00+00:00")
    count(tmp_path, 10).lost(AWAY)
    assert count(tmp_path).read().failures == 1
    assert not count(tmp_path).read().recovered_at


def test_a_short_outage_is_no_news_when_it_ends(tmp_path: Path) -> None:
    count(tmp_path).lost(AWAY)
    count(tmp_path).reached()
    assert count(tmp_path).read().recovered_at == ""


def test_an_answer_alone_writes_nothing(tmp_path: Path) -> None:
    count(tmp_path).reached()
    assert list(tmp_path.iterdir()) == []


def test_profiles_are_counted_apart(tmp_path: Path) -> None:
    count(tmp_path).lost(AWAY)
    assert ConnectionCount.of(tmp_path, "sandbox", lambda: NOON).read().failures == 0


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    count(tmp_path).lost(AWAY)
    count(tmp_path).file.write_text('{"failures": ')
    assert count(tmp_path).read().failures == 0
    count(tmp_path).lost(AWAY)
    assert count(tmp_path).read().failures == 1


def test_processes_that_fail_at_once_are_all_counted(tmp_path: Path) -> None:
    code = (
        "import datetime as dt, sys, pathlib\n"
        "from kpi_lib.errors import WarehouseError\n"
        "from kpi_lib.operations.connections import ConnectionCount\n"
        "count = ConnectionCount.of(pathlib.Path(sys.argv[1]), 'prod', lambda: dt.datetime.now(dt.UTC))\n"
        "for _ in range(5): count.lost(WarehouseError('away'))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert count(tmp_path).read().failures == 15
