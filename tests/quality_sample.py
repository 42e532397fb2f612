"""What the gate found in three nights, for the tests of the data quality page."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from tests.reporting_sample import winery

AS_OF = dt.date(2026, 11, 20)
#: Eight in the morning UTC is midnight in Los Angeles: the night of the local date.
NIGHTS = [pd.Timestamp(f"2026-11-{day}T08:05:00Z") for day in (19, 20, 21)]


def check(night: int, name: str, success: bool = True, **changes: Any) -> dict[str, Any]:
    """One row of ``dq_results``."""
    return {
        "run_id": f"2026111{night}T080000Z",
        "checked_at": NIGHTS[night],
        "domain": "winery",
        "as_of_date": pd.Timestamp(AS_OF) - pd.Timedelta(days=2 - night),
        "table_name": "stg_order",
        "check_name": name,
        "column_name": "",
        "kind": "expectation",
        "severity": "warning",
        "success": success,
        "expected": f"Rule {name} holds.",
        "observed": "holds" if success else "two rows",
        "remedy": "" if success else "Load it again.",
        "failing": "[]",
        **changes,
    }


ROWS = [
    check(0, "a"),
    check(0, "b", kind="reconciliation"),
    check(1, "a", False, severity="critical"),
    check(1, "b", False, kind="reconciliation"),
    check(2, "a", severity="critical"),
    check(2, "b", False, kind="reconciliation", failing=json.dumps([{"day": "2026-11-18", "rows": None}])),
    check(2, "new"),
]


@dataclass
class QualityWh:
    """A warehouse that answers the page's questions."""

    rows: list[dict[str, Any]] = field(default_factory=lambda: list(ROWS))
    through: dt.date = AS_OF
    catalogue: Catalogue = field(default_factory=winery)
    #: Sources beside the two, each with the day through which it is complete.
    others: dict[str, dt.date | None] = field(default_factory=dict)

    def as_of(self) -> dt.date:
        return AS_OF

    def checks(self, runs: int = 30) -> pd.DataFrame:
        return pd.DataFrame(self.rows)

    def loads(self) -> pd.DataFrame:
        through = {"stg_order": self.through, "stg_product": AS_OF, **self.others}
        more = len(self.others)
        return pd.DataFrame(
            {
                "source": list(through),
                "loaded_from": pd.to_datetime(["2023-01-01"] * len(through)),
                "complete_through": pd.to_datetime(list(through.values())),
                "loaded_at": pd.to_datetime(["2026-11-21T03:05:00Z", None, *[None] * more], utc=True),
                "row_count": [88_097, 34, *[1] * more],
            }
        )

    def row_counts(self) -> pd.DataFrame:
        return pd.DataFrame({"table_name": ["raw.stg_order"], "what": ["source"], "row_count": [88_097]})
