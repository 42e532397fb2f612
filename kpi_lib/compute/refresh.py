"""Which as-of dates a refresh has to compute again."""

from __future__ import annotations

import pandas as pd


def dates_to_refresh(
    spine: pd.DatetimeIndex, held: pd.DatetimeIndex, changed_from: pd.Timestamp | None, last_days: int
) -> pd.DatetimeIndex:
    """Return the as-of dates to compute.

    A window and its comparison hold no day after their as-of date, so a change on day *d*
    touches no as-of date before *d*: everything from the first change on is computed again.

    Parameters
    ----------
    spine
        Every as-of date that the table should hold.
    held
        The as-of dates it holds.
    changed_from
        The first business date whose facts changed, if any.
    last_days
        How many of the newest dates to compute in any case.
    """
    wanted = spine.difference(held)
    if changed_from is not None:
        wanted = wanted.union(spine[spine >= changed_from])
    return wanted.union(spine[len(spine) - last_days :] if last_days else spine[:0])
