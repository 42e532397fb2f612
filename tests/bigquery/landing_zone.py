"""Sample sources put into an emulator's raw datasets, as a loader of the user's would."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kpi_lib.catalogue import BigQueryProfile, Catalogue
from kpi_lib.warehouse.bigquery.names import Place
from kpi_lib.warehouse.bigquery.open import places_of
from kpi_lib.warehouse.bigquery.session import Session


def load_raw(profile: BigQueryProfile, catalogue: Catalogue, landing: Path) -> None:
    """Load a domain's landing files and the record of its loads; the datasets are made."""
    session, places = Session.open(profile, "loader", "loader"), places_of(profile, catalogue)
    layers = {"raw", *(source.layer for source in catalogue.sources)}
    for dataset in sorted({places.datasets[layer] for layer in layers}):
        session.client.create_dataset(f"{profile.project}.{dataset}", exists_ok=True)
    for source in catalogue.sources:
        file = landing / f"{source.name}.parquet"
        if file.is_file():
            place = places.published(f"{source.layer}.{source.name}")
            session.load(pq.read_table(file), place, source.name)
    loads = json.loads((landing / "manifest.json").read_text())["sources"]
    session.load(load_record(loads), Place(profile.project, places.datasets["raw"], "source_load"), "loads")
    session.close()


def load_record(loads: dict[str, dict[str, str]]) -> pa.Table:
    """Return what a loader writes into ``raw.source_load``."""
    rows = list(loads.values())
    return pa.table(
        {
            "source": list(loads),
            "loaded_from": [dt.date.fromisoformat(row["loaded_from"]) for row in rows],
            "complete_through": [dt.date.fromisoformat(row["complete_through"]) for row in rows],
            "loaded_at": pa.array(
                [dt.datetime.fromisoformat(row["loaded_at"]) for row in rows], pa.timestamp("us", "UTC")
            ),
        }
    )
