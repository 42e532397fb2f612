"""What is shipped to run the night elsewhere: readable, in the right zone, with commands that exist."""

from __future__ import annotations

import base64
import configparser
import datetime as dt
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer.main
import yaml

from kpi_lib.cli import app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scheduled"
CLOUD = FOLDER / "google-cloud"
ZONE = "America/Los_Angeles"


def command_exists(words: list[str]) -> None:
    """Let the real command line parse the words; nothing is run."""
    command = typer.main.get_command(app)
    name, *rest = words
    found = command.commands[name]  # type: ignore[attr-defined]
    found.make_context(name, rest, resilient_parsing=False)


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((FOLDER / name).read_text())
    return parser


def test_every_file_is_known_to_these_tests_and_to_the_readme() -> None:
    said = (FOLDER / "README.md").read_text()
    files = {path.name for path in FOLDER.rglob("*") if path.is_file()} - {"README.md"}
    assert files == {
        "crontab", "kpi-nightly.service", "kpi-nightly.timer", "kpi-status.service", "kpi-status.timer",
        "Containerfile", "run-nightly.yaml", "run-status.yaml", "scheduler-nightly.json",
        "scheduler-status.json", "scheduler-dashboard-kpis.json", "alert-failed.json", "alert-silent.json",
        "alert-scheduler.json", "dashboard_kpis.sql", "check-project.sh",
    }  # fmt: skip
    assert [name for name in sorted(files) if name not in said] == []


@pytest.mark.parametrize("name", ["kpi-nightly", "kpi-status"])
def test_systemd(name: str) -> None:
    service, timer = unit(f"{name}.service"), unit(f"{name}.timer")
    program, *words = shlex.split(service["Service"]["ExecStart"])
    assert program == "/srv/kpi-report/.venv/bin/kpi"
    command_exists(words)
    assert timer["Timer"]["OnCalendar"].endswith(f" {ZONE}")
    assert timer["Timer"]["Persistent"] == "true"


def test_systemd_wakes_at_midnight_in_los_angeles_on_both_sides_of_the_change_of_clocks() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    when = unit("kpi-nightly.timer")["Timer"]["OnCalendar"]
    for start in ("2026-03-07 20:00 UTC", "2026-10-31 20:00 UTC"):
        told = subprocess.run(
            [analyze, "calendar", "--iterations=3", f"--base-time={start}", when],
            capture_output=True, text=True, check=False, env={**os.environ, "TZ": "UTC"},
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        instants = re.findall(r"(?:elapse|#\d): \w+ (\S+ \S+) UTC", told.stdout)
        local = [
            dt.datetime.fromisoformat(item).replace(tzinfo=dt.UTC).astimezone(ZoneInfo(ZONE)).time()
            for item in instants
        ]
        assert local == [dt.time()] * 3, told.stdout


def test_cron() -> None:
    lines = [line for line in (FOLDER / "crontab").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == f"CRON_TZ={ZONE}"
    assert [line.split(maxsplit=5)[:5] for line in lines[1:]] == [["0", "0", "*", "*", "*"], ["20", *"****"]]
    for line in lines[1:]:
        found = re.search(r"\.venv/bin/kpi ([^>|]*)", line)
        assert found is not None
        command_exists(found[1].removesuffix("2").split())


def read(name: str) -> Any:
    return json.loads((CLOUD / name).read_text())


@pytest.mark.parametrize(
    ("name", "schedule"),
    [("nightly", "0 0 * * *"), ("dashboard-kpis", "0 0 * * *"), ("status", "20 * * * *")],
)
def test_cloud_scheduler(name: str, schedule: str) -> None:
    job = read(f"scheduler-{name}.json")
    assert job["timeZone"] == ZONE
    assert job["schedule"] == schedule
    assert job["httpTarget"]["uri"].startswith("https://")
    assert "@" in job["httpTarget"]["oauthToken"]["serviceAccountEmail"]


@pytest.mark.parametrize("name", ["nightly", "status"])
def test_cloud_run(name: str) -> None:
    job = yaml.safe_load((CLOUD / f"run-{name}.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("run.googleapis.com/v1", "Job")
    task = job["spec"]["template"]["spec"]["template"]["spec"]
    (container,) = task["containers"]
    command_exists(container["args"])
    assert "sandbox" not in " ".join(container["args"])
    assert container["volumeMounts"][0]["mountPath"] == "/state"
    assert container["volumeMounts"][0]["name"] == task["volumes"][0]["name"]
    # The schedule starts this very job.
    assert read(f"scheduler-{name}.json")["httpTarget"]["uri"].endswith(
        f"/jobs/{job['metadata']['name']}:run"
    )


def test_the_container_holds_what_a_night_needs() -> None:
    lines = [line for line in (CLOUD / "Containerfile").read_text().splitlines() if line[:1] != "#"]
    text = "\n".join(lines)
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])  # type: ignore[index]
    words = json.loads(re.search(r"^CMD (.*)$", text, re.MULTILINE)[1])  # type: ignore[index]
    assert entry == ["kpi"]
    command_exists(words)
    copied = [part for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for part in line.split()[:-1]]
    assert [item for item in copied if not (ROOT / item).exists()] == []
    assert {"kpi_lib", "kpi.toml", "expectations", "notebooks/reports", "reports", "pyproject.toml"} <= set(
        copied
    )
    assert re.search(r"^USER kpi$", text, re.MULTILINE)


def test_the_procedure_is_called_by_its_name() -> None:
    target = read("scheduler-dashboard-kpis.json")["httpTarget"]
    body = json.loads(base64.b64decode(target["body"]))
    name = re.search(r"CREATE OR REPLACE PROCEDURE (`[^`]+`)\(\)", (CLOUD / "dashboard_kpis.sql").read_text())
    assert name is not None
    assert body["query"] == f"CALL {name[1]}()"
    assert body["useLegacySql"] is False
    assert int(body["maximumBytesBilled"]) > 0
    assert body["timeoutMs"] / 1000 < int(
        read("scheduler-dashboard-kpis.json")["attemptDeadline"].rstrip("s")
    )


def test_alerts_name_the_jobs_that_exist() -> None:
    jobs = {yaml.safe_load(path.read_text())["metadata"]["name"] for path in CLOUD.glob("run-*.yaml")}
    schedules = {json.loads(path.read_text())["name"].rsplit("/", 1)[1] for path in CLOUD.glob("scheduler-*")}
    failed = read("alert-failed.json")["conditions"][0]["conditionThreshold"]
    pattern = re.search(r'full_match\("([^"]+)"\)', failed["filter"])
    assert pattern is not None
    assert all(re.fullmatch(pattern[1], job) for job in jobs)
    assert (failed["thresholdValue"], failed["duration"]) == (0, "0s")
    silent = read("alert-silent.json")["conditions"][0]["conditionAbsent"]
    assert any(f'"{job}"' in silent["filter"] for job in jobs)
    # Longer than this Cloud Monitoring does not wait.
    assert int(silent["duration"].rstrip("s")) <= 23.5 * 3600
    refused = read("alert-scheduler.json")["conditions"][0]["conditionMatchedLog"]["filter"]
    assert set(re.findall(r'"([\w-]+)"', refused)) - {"cloud_scheduler_job"} == schedules


def test_the_checks_of_a_project_only_read() -> None:
    file = CLOUD / "check-project.sh"
    told = subprocess.run(["/bin/sh", "-n", str(file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    text = file.read_text()
    command_exists(["doctor", "--profile", "prod"])
    assert "kpi doctor --profile" in text
    assert len(re.findall(r"\bbq query\b|^ask \"", text, re.MULTILINE)) == 5
    assert not re.search(r"\b(INSERT|DELETE|UPDATE|MERGE|CREATE|DROP|ALTER|TRUNCATE)\b", text)
    assert text.count("bq query") == text.count("--maximum_bytes_billed=") + text.count("--dry_run")


def test_the_warning_comes_after_25_hours() -> None:
    from kpi_lib.catalogue import load_settings

    assert load_settings(ROOT / "kpi.toml").site.stale_after_hours == 25
