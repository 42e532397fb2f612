"""``kpi doctor --profile`` against a server that plays a project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.bigquery")

from kpi_lib.catalogue import load_catalogue
from kpi_lib.pipeline.doctor import examine
from kpi_lib.pipeline.finding import Finding
from tests.bigquery_server import PROJECT, Fault, World, refusal, running

KPI = f"{PROJECT}:kpi"
PROFILE = f"""
domains = ["winery"]
[profiles.prod]
kind = "bigquery"
project = "{PROJECT}"
[profiles.prod.deadlines]
request = 0.5
outage = 1
first_wait = 0.02
[profiles.prod.datasets]
raw = "raw"
mart = "mart"
kpi = "kpi"
ops = "ops"
"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running() as served:
        served.datasets = dict.fromkeys(("raw", "mart", "kpi", "ops", "kpi_staging"), "US")
        served.bytes = 3 * 2**20
        for source in load_catalogue("winery").sources:
            served.tables[f"raw.{source.name}"] = {item.name: item.type for item in source.columns}
        served.tables["raw.source_load"] = {}
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", served.url)
        yield served


def ask(folder: Path) -> list[Finding]:
    (folder / "kpi.toml").write_text(PROFILE)
    return examine(folder / "kpi.toml", "prod")


def wrong(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.exit_code]


def test_a_project_in_order(world: World, tmp_path: Path) -> None:
    findings = ask(tmp_path)
    assert wrong(findings) == []
    said = "\n".join(map(str, findings))
    assert f"✓ credentials: none: the emulator at {world.url}" in said
    assert f"✓ project {PROJECT}: reached, jobs can be created in US" in said
    assert f"✓ dataset {PROJECT}.kpi_staging (winery, staging): found in US" in said
    assert re.search(r"✓   raw.stg_order: \d+ columns can be read, 3.0 MiB", said)
    assert "✓   raw.source_load: 4 columns can be read" in said
    assert "✓   kpi: tables can be created" in said


def test_nothing_is_written_by_asking(world: World, tmp_path: Path) -> None:
    ask(tmp_path)
    assert len(world.ran) == 1
    asked = [body["configuration"] for body in world.bodies if "configuration" in body]
    sent = [item["query"]["query"] for item in asked if not item.get("dryRun")]
    assert sent == ["SELECT 1 AS n"]
    assert any("CREATE OR REPLACE TABLE" in item["query"]["query"] for item in asked if item.get("dryRun"))


def test_each_thing_that_is_wrong_is_named(world: World, tmp_path: Path) -> None:
    del world.datasets["mart"]
    world.datasets["ops"] = "EU"
    text = f"Access Denied: Table {PROJECT}:raw.stg_product: User does not have permission to query table"
    create = f"Access Denied: Dataset {KPI}: Permission bigquery.tables.create denied on dataset {KPI}"
    world.rules = {
        r"`example-reporting\.raw\.stg_product`": refusal(403, "accessDenied", text),
        r"CREATE OR REPLACE TABLE `example-reporting\.kpi\.": refusal(403, "accessDenied", create),
        r"`example-reporting\.raw\.stg_order_item`": refusal(
            404, "notFound", f"Not found: Table {PROJECT}:raw.stg_order_item was not found in location US"
        ),
    }
    order = world.tables["raw.stg_order"]
    order["sub_total"], order["paid_at"] = order.pop("subtotal"), "STRING"
    del world.tables["raw.stg_order_item"], world.tables["raw.source_load"]
    findings = ask(tmp_path)
    said = "\n".join(map(str, wrong(findings)))
    assert {finding.exit_code for finding in wrong(findings)} == {2}
    assert "lacks the permission bigquery.tables.getData on table example-reporting:raw.stg_product" in said
    assert "Grant roles/bigquery.dataViewer on the dataset" in said
    assert "lacks the permission bigquery.tables.create on dataset example-reporting:kpi" in said
    assert "Grant roles/bigquery.dataEditor on the dataset" in said
    assert "raw.stg_order: column subtotal is missing. → Did you mean 'sub_total'?" in said
    assert "raw.stg_order: column paid_at is STRING, not TIMESTAMP." in said
    assert "raw.source_load: There is no such table or view." in said
    assert "one row a source: source, loaded_from, complete_through, loaded_at" in said
    assert "There is no table or view example-reporting:raw.stg_order_item in US" in said
    assert "lies in EU, and the profile says US" in said
    assert len(wrong(findings)) == 6
    assert "· dataset example-reporting.mart (winery, mart): not there yet; the first night makes it" in map(
        str, findings
    )


def test_a_source_dataset_that_is_missing(world: World, tmp_path: Path) -> None:
    del world.datasets["raw"]
    (found,) = wrong(ask(tmp_path))
    assert "dataset example-reporting.raw (winery, raw): There is no such dataset" in found.what


def test_a_project_that_cannot_be_used_ends_the_examination(world: World, tmp_path: Path) -> None:
    lacks = f"User does not have bigquery.jobs.create permission in project {PROJECT}."
    message = f"Access Denied: Project {PROJECT}: {lacks}"
    world.faults = [Fault("^POST", refusal(403, "accessDenied", message), times=99)]
    (found,) = wrong(ask(tmp_path))
    assert found.exit_code == 2
    assert "roles/bigquery.jobUser on the project" in found.what


def test_away(world: World, tmp_path: Path) -> None:
    world.faults = [Fault("GET .*/datasets/", "drop", times=999)]
    (found,) = wrong(ask(tmp_path))
    assert found.exit_code == 4
    assert "could not be reached" in found.what


def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    (found,) = wrong(ask(tmp_path))
    assert "No usable credentials were found" in found.what
    assert found.exit_code == 2
