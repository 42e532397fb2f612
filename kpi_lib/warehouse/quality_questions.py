"""The question about the checks: what the gate found."""

from __future__ import annotations

import pandas as pd

from kpi_lib.warehouse.protocol import Warehouse

DQ_RESULTS = "ops.dq_results"
_NEWEST = f"""
SELECT * FROM {DQ_RESULTS} AS r
WHERE r.run_id IN (SELECT run_id FROM {DQ_RESULTS} GROUP BY run_id ORDER BY run_id DESC LIMIT {{runs}})
ORDER BY r.run_id, r.table_name, r.check_name
"""  # noqa: S608


class QualityQuestions:
    """What a reader can be asked about the checks; a part of :class:`~kpi_lib.warehouse.reader.Reader`."""

    _warehouse: Warehouse

    def checks(self, runs: int = 30) -> pd.DataFrame:
        """Return what the gate found in its newest runs; one row a rule and run, no row without a gate.

        Parameters
        ----------
        runs
            How many runs.
        """
        if not self._warehouse.exists(DQ_RESULTS):
            return pd.DataFrame()
        return self._warehouse.query(_NEWEST.format(runs=int(runs)))
