"""The questions about the data's quality: what the gate found, how many rows each table holds."""

from __future__ import annotations

import pandas as pd

from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.warehouse.ledger_tables import SNAPSHOT
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.tables import (
    DASHBOARD,
    DQ_RESULTS,
    FACTS,
    ROW_COUNT,
    SCORECARD,
    SCORECARD_HISTORY,
    SOURCE_LOAD,
    declared_types,
)

_NEWEST_RUNS = f"""
SELECT * FROM {DQ_RESULTS} AS r
WHERE r.run_id IN (
  SELECT run_id FROM {DQ_RESULTS} GROUP BY run_id ORDER BY MAX(checked_at) DESC, run_id DESC LIMIT {{runs}}
)
ORDER BY r.checked_at, r.run_id, r.table_name, r.check_name
"""  # noqa: S608


class QualityQuestions:
    """What a reader can be asked about the checks; a part of :class:`~kpi_lib.warehouse.reader.Reader`."""

    catalogue: Catalogue
    _warehouse: Warehouse

    def checks(self, runs: int = 30) -> pd.DataFrame:
        """Return what the gate found in its newest runs, those that were not published included.

        Parameters
        ----------
        runs
            How many runs.

        Returns
        -------
        pandas.DataFrame
            ``run_id, checked_at, domain, as_of_date, table_name, check_name, column_name, kind, severity,
            success, expected, observed, remedy, failing`` (JSON text without personal data); one row a rule
            and run, the oldest run first, each run by table and rule.
        """
        if not self._warehouse.exists(DQ_RESULTS):
            return pd.DataFrame(columns=list(declared_types(DQ_RESULTS)))
        return self._warehouse.query(_NEWEST_RUNS.format(runs=int(runs)))

    def row_counts(self) -> pd.DataFrame:
        """Return ``table_name, what, row_count`` of the domain's sources, models, facts and roll-ups."""
        found = count_rows(self._warehouse, self.catalogue).set_index("table_name")["row_count"]
        rows = [
            (table, what, int(found[table]))
            for table, what in counted_tables(self.catalogue)
            if table in found
        ]
        return pd.DataFrame(rows, columns=["table_name", "what", "row_count"])


def count_rows(warehouse: Warehouse, catalogue: Catalogue) -> pd.DataFrame:
    """Return ``table_name, row_count`` of the domain's tables.

    What a night pulled from elsewhere holds a part of them only, and what was counted there.
    """
    if warehouse.exists(ROW_COUNT):
        return warehouse.query(f"SELECT table_name, row_count FROM {ROW_COUNT}")  # noqa: S608
    named = [table for table, _ in counted_tables(catalogue) if warehouse.exists(table)]
    if not named:
        return pd.DataFrame({"table_name": [], "row_count": []})
    # The names are those of the definitions, which the warehouse has just been asked for.
    counts = [f"SELECT '{table}' AS table_name, COUNT(*) AS row_count FROM {table}" for table in named]  # noqa: S608
    return warehouse.query(" UNION ALL ".join(counts))


def counted_tables(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return each table of a domain and what it is, in the order in which they are made."""
    tables = [(f"{source.layer}.{source.name}", "source") for source in catalogue.sources]
    tables.append((SOURCE_LOAD, "load record"))
    tables += [(model.table, "mart") for model in catalogue.models]
    if catalogue.kpis:
        tables += [(FACTS, "daily facts"), (DASHBOARD, "roll-ups"), (SNAPSHOT, "published values")]
    if catalogue.has_scorecard:
        card = load_scorecard(catalogue.folder)
        tables += [(model.table, "mart") for model in card.models]
        tables += [(view.table, "detail view") for view in card.views]
        tables += [(SCORECARD, "scorecard"), (SCORECARD_HISTORY, "published scorecards")]
    return list(dict.fromkeys(tables))
