"""What the gate found, as the team may read it: without anything about a person."""

from __future__ import annotations

import pandas as pd

from kpi_lib.catalogue.scorecard import Scorecard

_WITHHELD = "not shown here: it concerns a person"
_TOLD = ("expected", "observed", "remedy")


def without_persons(checks: pd.DataFrame, card: Scorecard | None) -> pd.DataFrame:
    """Return checks whose findings name no person and no figure that a person answers for.

    Parameters
    ----------
    checks
        Rows of ``ops.dq_results``.
    card
        The scorecard's definitions; None for a domain without one.
    """
    if card is None or checks.empty:
        return checks
    words = {owner.person_name for owner in card.owners}
    for metric in card.metrics:
        if metric.personal:
            words |= {metric.key, metric.label}

    def names_one(text: object) -> bool:
        return any(word in str(text) for word in words)

    told = {name: [_WITHHELD if names_one(text) else text for text in checks[name]] for name in _TOLD}
    return checks.assign(**told, failing=["[]" if names_one(rows) else rows for rows in checks["failing"]])
