"""The sources of a domain as they lie in BigQuery: looked at and checked, never written.

How far each source is loaded is what its loader says in ``raw.source_load``, a table or a view
beside the sources: ``source, loaded_from, complete_through, loaded_at``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Source
from kpi_lib.errors import DataError, DefinitionError, did_you_mean
from kpi_lib.warehouse.bigquery.names import Place
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse, frame_of, google_name
from kpi_lib.warehouse.tables import SOURCE_LOAD, declared_types

#: Kept beside our own records, so that the next run can tell which days have grown.
SOURCE_DAY = "ops.source_day"
_LOAD_NEEDED = {name: kind for name, kind in declared_types(SOURCE_LOAD).items() if name != "row_count"}


#: What becomes of the problems of the sources, beside the list of them.
_REMEDY = "Mend the loader or its views; the domain's sources.toml says what is expected."


class SourceTablesError(DefinitionError):
    """The tables of the sources are not as declared; every problem is in ``issues``."""

    def __init__(self, problems: Sequence[str], domain: str) -> None:
        super().__init__(_listed(problems), where=f"sources of '{domain}'", remedy=_REMEDY, issues=problems)


class SourceRowsError(DataError):
    """The rows of the sources cannot be used; every problem is in ``issues``."""

    def __init__(self, problems: Sequence[str], domain: str) -> None:
        self.issues = tuple(problems)
        super().__init__(_listed(problems), where=f"sources of '{domain}'", remedy=_REMEDY)


def _listed(problems: Sequence[str]) -> str:
    count = len(problems)
    lines = "\n".join(f"  • {problem}" for problem in problems)
    return f"{count} problem{'' if count == 1 else 's'} in the sources:\n{lines}"


@dataclass
class _Found:
    """What the service says about one source."""

    source: Source
    place: Place
    columns: dict[str, str] | None
    state: Mapping[str, object]
    problems: list[str] = field(default_factory=list)

    def problem(self, what: str, remedy: str) -> None:
        self.problems.append(f"{self.place.path}: {what} → {remedy}")


def load_place(warehouse: BigQueryWarehouse) -> Place:
    """Return where the loader says how far it has come."""
    layer, _, name = SOURCE_LOAD.partition(".")
    return Place(warehouse.places.project, warehouse.places.datasets[layer], name)


def missing_load_record(place: Place) -> DefinitionError:
    """Return the error of a loader that says nowhere how far it has come."""
    return DefinitionError(
        "There is no such table or view. It has to say how far each source is loaded.",
        where=place.path,
        remedy=f"Let the loader keep it, one row a source: {', '.join(_LOAD_NEEDED)} "
        "(docs/runbook-bigquery.md, First deployment).",
    )


def state_of_sources(warehouse: BigQueryWarehouse, catalogue: Catalogue) -> str:
    """Return a hash that changes when a source or what its loader says changes.

    It reads what BigQuery keeps about each table (rows, last change, columns) and the load record.
    A source that is a view has no such marks: there the load record alone tells.
    """
    found = _look_at_all(warehouse, catalogue)
    loads = _load_record(warehouse)
    state = {item.source.name: {**item.state, "columns": item.columns} for item in found}
    text = json.dumps([state, loads.astype(str).values.tolist()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def read_sources(warehouse: BigQueryWarehouse, catalogue: Catalogue) -> pd.DataFrame:
    """Check the sources where they lie; return, and keep beside our own records, how far they are loaded.

    Parameters
    ----------
    warehouse
        Open for a run.
    catalogue
        Declares the sources: columns, types, keys.

    Returns
    -------
    pandas.DataFrame
        ``source, loaded_from, complete_through, loaded_at, row_count``, one row a source.

    Raises
    ------
    SourceTablesError
        With every problem of every table in ``issues``; nothing is written then.
    SourceRowsError
        The same of their rows.
    """
    found = _look_at_all(warehouse, catalogue)
    loads = _load_record(warehouse)
    listed = set(loads["source"])
    for item in found:
        _check_columns(item, in_use=item.source.required or item.source.name in listed)
        if item.source.required and item.source.name not in listed:
            item.problem(
                "its loader does not say how far it is.", f"Add a row to {load_place(warehouse).path}."
            )
    problems = [text for item in found for text in item.problems] + _check_loads(warehouse, loads, catalogue)
    if problems:
        raise SourceTablesError(problems, catalogue.domain)
    there = [item for item in found if item.columns is not None]
    counts = _check_rows(warehouse, there, catalogue)
    held = loads[loads["source"].isin([item.source.name for item in there])]
    order = {source.name: place for place, source in enumerate(catalogue.sources)}
    frame = held.assign(row_count=held["source"].map(counts).astype("int64"))
    frame = frame.sort_values("source", key=lambda names: names.map(order), ignore_index=True)
    warehouse.replace(SOURCE_LOAD, frame)
    return frame


def wrong_columns(session: Session, place: Place, source: Source) -> list[str]:
    """Return what differs between a source's table and its declaration; nothing where there is no table."""
    found = _look(session, place, source)
    _check_columns(found, in_use=False)
    return found.problems


def _look_at_all(warehouse: BigQueryWarehouse, catalogue: Catalogue) -> list[_Found]:
    places = [warehouse.places.published(f"{source.layer}.{source.name}") for source in catalogue.sources]
    return [
        _look(warehouse.session, place, source)
        for place, source in zip(places, catalogue.sources, strict=True)
    ]


def _look(session: Session, place: Place, source: Source) -> _Found:
    table = session.table(place, source.name)
    if table is None:
        return _Found(source, place, None, {})
    columns = {item.name: google_name(item.field_type) for item in table.schema}
    is_table = table.table_type == "TABLE"
    state = {"type": table.table_type, "rows": table.num_rows if is_table else None}
    return _Found(source, place, columns, {**state, "modified": str(table.modified) if is_table else None})


def _check_columns(found: _Found, *, in_use: bool) -> None:
    if found.columns is None:
        if in_use:
            found.problem(
                "there is no such table or view.", "Look whether the loader has run, or it was renamed."
            )
        return
    wanted = {column.name: column.type for column in found.source.columns}
    extra = sorted(set(found.columns) - set(wanted))
    for name, kind in wanted.items():
        held = found.columns.get(name)
        if held is None:
            hint = did_you_mean(name, extra) if extra else "Load it too."
            found.problem(f"column {name} is missing.", hint)
        elif held != kind:
            found.problem(
                f"column {name} is {held}, not {kind}.", "Load it as declared, or put a view over it."
            )


def _load_record(warehouse: BigQueryWarehouse) -> pd.DataFrame:
    place = load_place(warehouse)
    listed, session = ", ".join(_LOAD_NEEDED), warehouse.session
    try:
        job = session.query(f"SELECT {listed} FROM {place.quoted} ORDER BY source", "source_load")  # noqa: S608
    except DefinitionError as error:
        if session.table(place, "source_load") is None:
            raise missing_load_record(place) from error
        raise
    frame = frame_of(session.rows(job, "source_load"))
    return frame.astype({"loaded_at": "datetime64[us, UTC]"})


def _check_loads(warehouse: BigQueryWarehouse, loads: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    place, known = load_place(warehouse).path, [source.name for source in catalogue.sources]
    problems = [
        f"{place}: '{name}' is no source. → {did_you_mean(str(name), known)}"
        for name in loads["source"]
        if name not in known
    ]
    twice = sorted(set(loads["source"][loads["source"].duplicated()]))
    problems += [f"{place}: '{name}' is there twice. → Keep one row a source." for name in twice]
    for row in loads[loads[list(_LOAD_NEEDED)].isna().any(axis=1)].to_dict("records"):
        empty = ", ".join(name for name in _LOAD_NEEDED if pd.isna(row[name]))
        problems.append(f"{place}: '{row['source']}' has no {empty}. → Let the loader write it.")
    return problems


def _check_rows(warehouse: BigQueryWarehouse, found: list[_Found], catalogue: Catalogue) -> dict[str, int]:
    """Return the number of rows of each source, all by one query; refuse missing values and repeated keys."""
    if not found:
        return {}
    job = warehouse.session.query("\nUNION ALL\n".join(_count_sql(item) for item in found), "sources")
    frame = frame_of(warehouse.session.rows(job, "sources")).set_index("source")
    for item in found:
        row = frame.loc[item.source.name]
        if item.source.required and row["row_count"] == 0:
            item.problem("it has no rows.", "Look whether the loader has run.")
        if row["repeated"] > 0:
            key = ", ".join(item.source.key)
            item.problem(f"{row['repeated']} rows repeat a key ({key}).", "A key may occur once.")
        for name in filter(None, str(row["empty"]).split(",")):
            column, _, count = name.partition(":")
            if int(count):
                item.problem(f"column {column} is empty in {count} rows.", "This column may not be empty.")
    problems = [text for item in found for text in item.problems]
    if problems:
        raise SourceRowsError(problems, catalogue.domain)
    return {str(name): int(count) for name, count in frame["row_count"].items()}


def _count_sql(found: _Found) -> str:
    source = found.source
    key = ", ".join(f"`{name}`" for name in source.key)
    counted = [
        f"CONCAT('{column.name}:', CAST(COUNTIF(`{column.name}` IS NULL) AS STRING))"
        for column in source.columns
        if not column.nullable
    ]
    comma = ", ',', "
    empty = f"CONCAT({comma.join(counted)})" if counted else "''"
    return (
        f"SELECT '{source.name}' AS source, COUNT(*) AS row_count, {empty} AS empty, "  # noqa: S608
        f"COUNT(*) - COUNT(DISTINCT TO_JSON_STRING(STRUCT({key}))) AS repeated FROM {found.place.quoted}"
    )
