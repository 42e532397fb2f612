"""Publishing: what runs wrote aside becomes what readers see, in one transaction.

One script does it. It stops at once where another run has published. Tables that are not there yet are
made, empty; new columns are added, without values; columns of another type get it, with the rows they
have. Then the rows of every table of every domain are deleted and inserted and the run noted, in one
transaction (``docs/adr/0011-bigquery-publishes-in-one-transaction.md``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kpi_lib.errors import DefinitionError, KpiError, RunError
from kpi_lib.warehouse.bigquery.layout import layout_found, layout_of
from kpi_lib.warehouse.bigquery.names import Place
from kpi_lib.warehouse.bigquery.staging import Staged, Staging
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse, frame_of

#: Which runs published a domain's tables: the last row is in force.
PUBLISHED_RUN = "ops.published_run"
_COLUMNS = {"run_id": "STRING", "published_at": "TIMESTAMP", "record": "STRING"}
_TAKEN = "another run has published"


def last_run(warehouse: BigQueryWarehouse) -> tuple[str, dict[str, Any]]:
    """Return the id and the record of the run that published the domain; empty before the first."""
    place = warehouse.places.published(PUBLISHED_RUN)
    if warehouse.describe_published(PUBLISHED_RUN) is None:
        return "", {}
    job = warehouse.session.query(
        f"SELECT run_id, record FROM {place.quoted} ORDER BY published_at DESC, run_id DESC LIMIT 1",  # noqa: S608
        "published_run",
    )
    rows = frame_of(warehouse.session.rows(job, "published_run")).to_dict("records")
    return (str(rows[0]["run_id"]), json.loads(rows[0]["record"])) if rows else ("", {})


def publish(
    warehouses: Mapping[str, BigQueryWarehouse],
    expected: Mapping[str, str],
    records: Mapping[str, Mapping[str, Any]],
    run_id: str,
) -> int:
    """Publish what the warehouses' staging holds, all or nothing; return the number of tables.

    Parameters
    ----------
    warehouses
        By domain; those that passed.
    expected
        By domain: the run that is published, as it was when this one began.
    records
        By domain: what the run remembers of it.
    run_id
        This run.

    Raises
    ------
    RunError
        When another run has published in between; nothing is changed then.
    """
    first, made, moved = [], [], []
    params: dict[str, object] = {"run_id": run_id}
    for number, (domain, warehouse) in enumerate(warehouses.items()):
        staging = _staging(warehouse)
        record = warehouse.places.published(PUBLISHED_RUN)
        guard = _guard(record, number)
        first += [_create(record, PUBLISHED_RUN, _COLUMNS), guard]
        params |= {f"expected_{number}": expected[domain], f"record_{number}": json.dumps(records[domain])}
        moved.append(guard)
        for table, staged in staging.tables.items():
            place = _written(warehouse, table)
            made += _prepare(warehouse, table, staged, place)
            moved += _move(staged, place)
        # The newest row is in force, so one clock must say it: those of two machines may differ.
        moved.append(
            f"INSERT INTO {record.quoted} (run_id, published_at, record) "  # noqa: S608
            f"VALUES (@run_id, CURRENT_TIMESTAMP(), @record_{number})"
        )
    session = next(iter(warehouses.values())).session
    body = ";\n".join(["BEGIN TRANSACTION", *moved, "COMMIT TRANSACTION"])
    script = ";\n".join([*first, *made, f"BEGIN\n{body};\n{_ROLL_BACK}END"])
    try:
        session.query(script, "tables", params)
    except KpiError as error:
        if _TAKEN in str(error):
            raise RunError(
                "Another run has published since this one began.",
                where=f"project {session.profile.project}",
                remedy="Nothing was changed; run again.",
            ) from error
        raise
    for warehouse in warehouses.values():
        warehouse.forget()
    return sum(len(_staging(warehouse).tables) for warehouse in warehouses.values())


def _written(warehouse: BigQueryWarehouse, table: str) -> Place:
    place = warehouse.places.published(table)
    if place.dataset not in warehouse.places.own:
        raise DefinitionError(
            f"Table '{table}' would be written to {place.dataset}, which holds sources.",
            where="kpi.toml, datasets of the profile",
            remedy="A run writes the layers mart, kpi and ops only.",
        )
    if not warehouse.owns(table):
        raise DefinitionError(
            f"'{table}' is a deployed view, which a run only reads.",
            where=place.path,
            remedy="Write owns_views = true in the profile where the run shall make it.",
        )
    return place


_ROLL_BACK = "EXCEPTION WHEN ERROR THEN\nROLLBACK TRANSACTION;\nRAISE USING MESSAGE = @@error.message;\n"


def _staging(warehouse: BigQueryWarehouse) -> Staging:
    if warehouse.staging is None:
        raise RunError("The warehouse has been opened for reading only.")
    return warehouse.staging


def _guard(record: Place, number: int) -> str:
    """Return the statement that fails when another run has come first; a transaction reads one snapshot."""
    newest = f"SELECT run_id FROM {record.quoted} ORDER BY published_at DESC, run_id DESC LIMIT 1"  # noqa: S608
    return f"ASSERT COALESCE(({newest}), '') = @expected_{number} AS '{_TAKEN}'"


def _create(place: Place, table: str, columns: Mapping[str, str]) -> str:
    listed = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    clauses = layout_of(table, columns).ddl(columns)
    return f"CREATE TABLE IF NOT EXISTS {place.quoted} ({listed}) {clauses}".rstrip()


def _prepare(warehouse: BigQueryWarehouse, table: str, staged: Staged, place: Place) -> list[str]:
    """Return what must be done before the transaction, in which tables cannot be made or altered."""
    held = warehouse.describe_published(table)
    if held is None:
        return [_create(place, table, staged.columns)]
    retyped = {name: kind for name, kind in staged.columns.items() if held.get(name, kind) != kind}
    added = [
        f"ADD COLUMN IF NOT EXISTS `{name}` {kind}"
        for name, kind in staged.columns.items()
        if name not in held
    ]
    # What this version no longer writes stays: an upgrade drops nothing.
    return [
        *([_retype(warehouse, place, {**held, **retyped}, retyped)] if retyped else []),
        *([f"ALTER TABLE {place.quoted} {', '.join(added)}"] if added else []),
    ]


def _retype(
    warehouse: BigQueryWarehouse, place: Place, columns: Mapping[str, str], retyped: Mapping[str, str]
) -> str:
    """Return the statement that gives columns another type and leaves the rows: a later failure loses none.

    A value that the new type cannot hold becomes null, never another one.
    """
    listed = ", ".join(
        f"SAFE_CAST(CAST(`{name}` AS STRING) AS {retyped[name]}) AS `{name}`"
        if name in retyped
        else f"`{name}`"
        for name in columns
    )
    found = warehouse.session.table(place, place.table)
    # BigQuery replaces a table only by one that is partitioned alike.
    clauses = layout_found(found).ddl(columns) if found is not None else ""
    return f"CREATE OR REPLACE TABLE {place.quoted} {clauses} AS SELECT {listed} FROM {place.quoted}"  # noqa: S608


def _move(staged: Staged, place: Place) -> Sequence[str]:
    listed = ", ".join(f"`{name}`" for name in staged.columns)
    date = f"`{staged.date_column}`"
    rows = staged.rows.quoted
    insert = f"INSERT INTO {place.quoted} ({listed}) SELECT {listed} FROM {rows}"  # noqa: S608
    if staged.how == "rows":
        return [insert]
    which = "TRUE" if staged.how == "whole" else f"{date} IN (SELECT DISTINCT {date} FROM {rows})"  # noqa: S608
    return [f"DELETE FROM {place.quoted} WHERE {which}", insert]  # noqa: S608
