"""The profiles of ``kpi.toml``: which warehouse, and the limits a run has there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Discriminator, Field, Tag, field_validator

#: The layers that a run writes; every other layer holds sources and is only read.
OWN_LAYERS = ("mart", "kpi", "ops", "staging")
_NEEDED = ("raw", "mart", "kpi", "ops")
_DATASET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,1023}")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MEBIBYTE = 2**20


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DuckDBProfile(_Model):
    """The embedded warehouse: one file."""

    kind: Literal["duckdb"] = "duckdb"
    path: Path = Path("data/warehouse.duckdb")


class Deadlines(_Model):
    """How long a call may take, in seconds; the client's own limits would hide an outage for 40 minutes.

    ``request`` is the silence after which an answer is given up, ``query`` the time of one job,
    ``outage`` how long what is transient is tried again, ``first_wait`` and ``longest_wait`` the
    bounds of the pauses between tries, which grow and vary by chance.
    """

    request: float = Field(default=60, gt=0)
    query: float = Field(default=900, gt=0)
    outage: float = Field(default=180, gt=0)
    first_wait: float = Field(default=1, gt=0)
    longest_wait: float = Field(default=30, gt=0)


class BigQueryProfile(_Model):
    """A BigQuery project.

    Parameters
    ----------
    project, location
        Who pays for the queries, and where every dataset lies.
    datasets
        Layer → dataset, with ``{domain}`` in the name where each domain has its own; a table named
        after a domain (``[profiles.prod.datasets.winery]``) overrides it for that domain.
    owns_views
        Whether the run may write the detail views; otherwise they are read and their columns checked.
    maximum_bytes_billed
        What one query may read; BigQuery refuses a larger one.
    byte_budget
        What all queries of one run may read together.
    labels
        Put on every job beside those of run, step and domain.
    key_file
        A service account's key; without it Application Default Credentials are used.
    compute
        Where roll-ups are computed: in this process's memory, or in the warehouse.
    deadlines
        How long is waited.
    """

    kind: Literal["bigquery"] = "bigquery"
    project: str = Field(pattern=r"^[a-z][a-z0-9.:-]{2,61}[a-z0-9]$")
    location: str = Field(default="US", pattern=r"^[A-Za-z]+[A-Za-z0-9-]*$")
    datasets: dict[str, str | dict[str, str]]
    owns_views: bool = False
    maximum_bytes_billed: ByteSize = Field(default=ByteSize(20 * 2**30), ge=10 * _MEBIBYTE)
    byte_budget: ByteSize = Field(default=ByteSize(200 * 2**30), ge=10 * _MEBIBYTE)
    labels: dict[str, str] = Field(default_factory=dict)
    key_file: Path | None = None
    compute: Literal["memory", "warehouse"] = "memory"
    deadlines: Deadlines = Deadlines()

    @field_validator("datasets")
    @classmethod
    def _named(cls, value: dict[str, str | dict[str, str]]) -> dict[str, str | dict[str, str]]:
        missing = [layer for layer in _NEEDED if not isinstance(value.get(layer), str)]
        if missing:
            raise ValueError(f"no dataset is named for: {', '.join(missing)}")
        for layer, name in _flat(value):
            if not _DATASET.fullmatch(name.replace("{domain}", "d")):
                raise ValueError(
                    f"'{name}' ({layer}) is no dataset's name: letters, digits and underscores, no project"
                )
        return value

    @field_validator("labels")
    @classmethod
    def _labelled(cls, value: dict[str, str]) -> dict[str, str]:
        for key, text in value.items():
            if not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(text):
                raise ValueError(
                    f"'{key} = {text}' is no label: lower-case letters, digits, - and _, at most 63 of them"
                )
        return value

    def dataset(self, layer: str, domain: str) -> str:
        """Return the dataset of a layer of a domain.

        A layer of sources that is not named here is a dataset of that name, as loaders land them;
        staging lies beside the layer ``kpi``.
        """
        own = self.datasets.get(domain)
        if isinstance(own, Mapping) and layer in own:
            return own[layer].replace("{domain}", domain)
        shared = self.datasets.get(layer)
        if isinstance(shared, str):
            return shared.replace("{domain}", domain)
        return f"{self.dataset('kpi', domain)}_staging" if layer == "staging" else layer

    def layers(self, domain: str, logical: Iterable[str]) -> dict[str, str]:
        """Return layer → dataset for the layers of a domain."""
        return {layer: self.dataset(layer, domain) for layer in sorted(logical)}

    def own_datasets(self, domain: str) -> dict[str, str]:
        """Return layer → dataset for what a run may write."""
        return self.layers(domain, OWN_LAYERS)


def _flat(datasets: Mapping[str, str | Mapping[str, str]]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in datasets.items():
        if isinstance(value, str):
            pairs.append((key, value))
        else:
            pairs += [(f"{key}.{layer}", name) for layer, name in value.items()]
    return pairs


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("kind", "duckdb"))
    return str(getattr(value, "kind", "duckdb"))


#: A warehouse: DuckDB's file, or a BigQuery project.
Profile = Annotated[
    Annotated[DuckDBProfile, Tag("duckdb")] | Annotated[BigQueryProfile, Tag("bigquery")],
    Discriminator(_kind),
]
