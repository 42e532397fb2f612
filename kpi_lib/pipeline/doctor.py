"""``kpi doctor``: what is installed, found and reachable."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from kpi_lib.catalogue import BigQueryProfile, Settings, load_settings
from kpi_lib.errors import KpiError
from kpi_lib.pipeline.doctor_bigquery import examine_bigquery
from kpi_lib.pipeline.finding import Finding
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.reporting.quarto import find_quarto
from kpi_lib.warehouse import DuckDBWarehouse
from kpi_lib.warehouse.tables import physical_layers

PACKAGES = (
    "pandas", "numpy", "duckdb", "sqlglot", "great_expectations", "papermill", "nbconvert", "altair",
    "vl-convert-python", "typst", "pypandoc_binary",
)  # fmt: skip


def examine(settings_file: Path | None, profile: str | None) -> list[Finding]:
    """Look at Python, packages, settings, definitions, warehouse, disk and Quarto."""
    findings = [Finding("✓", f"Python {sys.version.split()[0]}"), *_packages(), _quarto()]
    try:
        settings = load_settings(settings_file)
    except KpiError as error:
        return [*findings, Finding("✗", str(error), error.exit_code)]
    findings.append(Finding("✓", f"settings {settings.root / 'kpi.toml'}"))
    return [*findings, *_domains(settings, profile), *_disk(settings)]


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        try:
            yield Finding("✓", f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding("✗", f"{name} is not installed. Run `make install`.", 2)


def _quarto() -> Finding:
    found = find_quarto()
    if found is None:
        return Finding("·", "Quarto is not found; pages are drawn by the embedded renderer")
    return Finding("✓", f"Quarto {'.'.join(map(str, found.version))} at {found.path}")


def _domains(settings: Settings, profile: str | None) -> Iterator[Finding]:
    workspace = Workspace(settings, profile)
    try:
        catalogues = workspace.catalogues
        chosen = settings.profile(profile)
    except KpiError as error:
        yield Finding("✗", str(error), error.exit_code)
        return
    yield Finding("✓", f"profile '{workspace.name}' ({chosen.kind}), nights write {workspace.output}")
    if isinstance(chosen, BigQueryProfile):
        for catalogue in catalogues:
            yield Finding("✓", f"domain {catalogue.domain}: {len(catalogue.kpis)} KPIs")
        yield from examine_bigquery(chosen, workspace.name, catalogues)
        return
    file = chosen.path
    for catalogue in catalogues:
        yield Finding("✓", f"domain {catalogue.domain}: {len(catalogue.kpis)} KPIs")
        manifest = workspace.landing(catalogue) / "manifest.json"
        if not manifest.is_file():
            yield Finding("·", f"no landing files yet in {manifest.parent}; `kpi sample` makes some")
    if not file.exists():
        yield Finding("·", f"no warehouse yet at {file}; the first night makes it")
        return
    try:
        with DuckDBWarehouse.open(file, physical_layers(catalogues[0]), read_only=True):
            yield Finding("✓", f"warehouse {file}")
    except KpiError as error:
        yield Finding("✗", str(error), error.exit_code)


def _disk(settings: Settings) -> Iterator[Finding]:
    place = settings.root
    free = shutil.disk_usage(place).free / 2**30
    if not os.access(place, os.W_OK):
        yield Finding("✗", f"{place} cannot be written", 4)
    yield Finding("✓" if free > 1 else "✗", f"{free:.1f} GiB free at {place}", 0 if free > 1 else 1)
