"""The places of a run's tables: what a domain that fails leaves, and profiles that would do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpi_lib.catalogue import load_settings
from kpi_lib.errors import AccessError, DefinitionError
from kpi_lib.pipeline.store import put_back, store_of
from kpi_lib.pipeline.workspace import Workspace

DATASETS = 'raw = "{domain}_raw"\nmart = "{domain}_mart"\nkpi = "{domain}_kpi"\nops = "{domain}_ops"\n'


def test_a_domain_that_fails_halfway_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    file.write_bytes(b"last good")
    with pytest.raises(AccessError), put_back(file):
        file.write_bytes(b"half")
        raise AccessError("The budget is used up.")
    assert file.read_bytes() == b"last good"
    with put_back(file):
        file.write_bytes(b"whole")
    assert file.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_was_not_there_is_not_there_after_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    with pytest.raises(AccessError), put_back(file):
        file.write_bytes(b"half")
        raise AccessError("The budget is used up.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sandbox", "prod"])
def test_a_profile_that_would_write_what_another_one_writes_is_refused_before_anything_is_asked(
    tmp_path: Path, name: str
) -> None:
    profiles = "".join(
        f'[profiles.{each}]\nkind = "bigquery"\nproject = "example-reporting"\n'
        f"[profiles.{each}.datasets]\n{DATASETS}"
        for each in ("sandbox", "prod")
    )
    (tmp_path / "kpi.toml").write_text(f'domains = ["winery"]\n{profiles}')
    with pytest.raises(DefinitionError, match="winery_kpi") as refused:
        store_of(Workspace(load_settings(tmp_path / "kpi.toml"), name))
    assert "Give each profile datasets of its own" in str(refused.value)
