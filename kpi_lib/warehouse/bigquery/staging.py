"""What a run has written aside: over which published table each written table lies."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kpi_lib.warehouse.bigquery.names import Place, Places

How = Literal["whole", "days", "rows"]
_SEPARATOR = "__"
#: After this a run of another machine is taken for dead.
LEFT_AFTER = dt.timedelta(days=1)


@dataclass(frozen=True)
class Staged:
    """A table that a run has written.

    Parameters
    ----------
    how
        ``whole``: it takes the published table's place. ``days``: its rows take the place of all rows
        of their dates. ``rows``: its rows are added.
    columns
        Column → GoogleSQL type.
    seen
        Where a reader of the run finds the table as it will be.
    rows
        Where the rows are that the run wrote.
    date_column
        Of ``days``.
    """

    how: How
    columns: Mapping[str, str]
    seen: Place
    rows: Place
    date_column: str = ""


@dataclass
class Staging:
    """The tables that a run wrote of one domain.

    Parameters
    ----------
    places
        Where the domain's tables are published.
    dataset
        Where what is written aside lies.
    owner
        The beginning of its tables' names: the run.
    """

    places: Places
    dataset: str
    owner: str
    tables: dict[str, Staged] = field(default_factory=dict)

    def seen(self, table: str) -> Place:
        """Return where a logical table is found: what this run wrote, else what is published."""
        staged = self.tables.get(table)
        return staged.seen if staged else self.places.published(table)

    def place(self, table: str, part: str = "") -> Place:
        """Return a place for a logical table, or a part of it, among those of this run."""
        name = _SEPARATOR.join(
            (self.owner, table.replace(".", _SEPARATOR) + (f"{_SEPARATOR}{part}" if part else ""))
        )
        return Place(self.places.project, self.dataset, name)


_OWNER = re.compile(r"run_(?P<start>\d{8}T\d{6}Z)\w*?_on_(?P<host>\w+?)__")


def owner_name(run_id: str, host: str) -> str:
    """Return the beginning of the names of a run's tables: its id and its machine."""
    return f"run_{_word(run_id)}_on_{_word(host)}"


def is_leftover(table: str, host: str, now: dt.datetime) -> bool:
    """Whether a staged table is of a run that has ended without removing it."""
    found = _OWNER.match(table)
    if found is None:
        return False
    begun = dt.datetime.strptime(found["start"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    return found["host"] == _word(host) or now - begun > LEFT_AFTER


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or "here"
