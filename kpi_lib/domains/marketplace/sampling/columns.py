"""From NumPy arrays to source columns: money, dates, instants, ids."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ZONE = "America/Los_Angeles"


def money(cents: Ints, known: Bools | None = None) -> pd.Series:
    """Return cents as exact decimals with two places, null where not ``known``."""
    mask = None if known is None else ~known
    whole = pa.array(np.asarray(cents, dtype=np.int64), mask=mask).cast(pa.decimal128(19, 0))
    shifted = pa.Decimal128Array.from_buffers(pa.decimal128(19, 2), len(whole), whole.buffers())
    return pd.Series(pd.arrays.ArrowExtensionArray(shifted))


def dates(days: Ints, known: Bools | None = None) -> pd.Series:
    """Return days since 1970 as dates, null where not ``known``."""
    found = np.asarray(days, dtype="datetime64[D]").astype("datetime64[us]")
    return pd.Series(found if known is None else np.where(known, found, np.datetime64("NaT", "us")))


def instants(days: Ints, seconds: Ints, known: Bools | None = None) -> pd.Series:
    """Return local clock times of the domain's zone as UTC timestamps, null where not ``known``.

    The seconds must not fall into the hours in which clocks change.
    """
    local = np.asarray(days, dtype="datetime64[D]").astype("datetime64[us]") + np.asarray(
        seconds, dtype=np.int64
    ).astype("timedelta64[s]")
    utc = pd.DatetimeIndex(local).tz_localize(ZONE).tz_convert("UTC")
    return pd.Series(utc) if known is None else pd.Series(utc).where(pd.Series(known))


def text(numbers: Ints, known: Bools | None = None) -> pd.Series:
    """Return whole numbers as text, null where not ``known``."""
    found = pd.Series(np.asarray(numbers).astype(str), dtype="str")
    return found if known is None else found.where(pd.Series(known))


def day_number(date: dt.date) -> int:
    """Return the days from 1970-01-01 to a date."""
    return (date - dt.date(1970, 1, 1)).days


def split(totals: Ints, counts: Ints, rng: np.random.Generator) -> Ints:
    """Split each total into that many uneven parts that add up to it to the cent."""
    group = np.repeat(np.arange(len(totals)), counts)
    weights = 0.5 + rng.random(len(group))
    sums = np.bincount(group, weights, minlength=len(totals))
    parts = np.floor(totals[group] * weights / sums[group]).astype(np.int64)
    first = np.cumsum(counts) - counts
    left = totals - np.bincount(group, parts, minlength=len(totals)).astype(np.int64)
    some = counts > 0
    parts[first[some]] += left[some]
    return parts
