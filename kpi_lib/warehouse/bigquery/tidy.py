"""Our datasets made, and what is left in the staging ones removed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from kpi_lib.errors import DefinitionError
from kpi_lib.warehouse.bigquery.names import Place
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.staging import is_leftover
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse

if TYPE_CHECKING:
    from google.cloud import bigquery


def make_datasets(session: Session, domains: Sequence[str]) -> None:
    """Make the datasets that a run writes, where they are missing; those of sources never.

    Raises
    ------
    DefinitionError
        When two domains would write the same dataset, or one would write into sources.
    """
    from google.cloud import bigquery

    profile = session.profile
    taken: dict[str, str] = {}
    for domain in domains:
        for layer, name in profile.own_datasets(domain).items():
            other = taken.setdefault(name, domain)
            if other != domain:
                raise DefinitionError(
                    f"Domains '{other}' and '{domain}' would both write dataset {name} ({layer}).",
                    where="kpi.toml, datasets of the profile",
                    remedy="Write {domain} in its name.",
                )
            if name == profile.dataset("raw", domain):
                raise DefinitionError(
                    f"Dataset {name} would hold sources and '{layer}'.",
                    where="kpi.toml, datasets of the profile",
                    remedy="Name a dataset of its own: what holds sources is never written.",
                )
    found = session.call("datasets", lambda s: list(session.client.list_datasets(retry=None, timeout=s)))
    for name in sorted(set(taken) - {item.dataset_id for item in found}):
        made = bigquery.Dataset(f"{profile.project}.{name}")
        made.location = profile.location
        session.call(f"dataset {name}", partial(_make, session, made))


def clean_up(session: Session, domains: Sequence[str], host: str, now: dt.datetime) -> int:
    """Remove the staged tables of runs that have died; return how many there were.

    Those of this machine are dead, because the caller holds its lock; those of another machine are taken
    for dead a day after its run began.
    """
    count = 0
    for domain in domains:
        place = f"{session.profile.project}.{session.profile.dataset('staging', domain)}"
        found = session.call(place, partial(list_tables, session, place))
        for item in found:
            if is_leftover(item.table_id, host, now):
                session.delete(Place(session.profile.project, item.dataset_id, item.table_id))
                count += 1
    return count


def drop(warehouse: BigQueryWarehouse) -> None:
    """Remove everything that a run has written aside of a domain."""
    if warehouse.staging is None:
        return
    for staged in warehouse.staging.tables.values():
        for place in dict.fromkeys((staged.seen, staged.rows)):
            warehouse.session.delete(place)
    warehouse.staging.tables.clear()


def _make(session: Session, dataset: bigquery.Dataset, seconds: float) -> None:
    session.client.create_dataset(dataset, exists_ok=True, retry=None, timeout=seconds)


def list_tables(session: Session, dataset: str, seconds: float) -> list[bigquery.table.TableListItem]:
    """Return what lies in a dataset, tables and views."""
    return list(session.client.list_tables(dataset, retry=None, timeout=seconds))
