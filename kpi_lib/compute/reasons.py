"""Why a number is not there, or is not whole: codes inside, words outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Codes = npt.NDArray[np.uint8]

OK, PARTIAL, NOT_LOADED, ZERO_DENOMINATOR, NOT_STARTED, NO_HISTORY, NO_COUNTERPART = range(7)
ZERO_BASE, NEGATIVE_BASE, NO_TARGET = 7, 8, 9
#: The word of each code, by position; a code of 0 is null.
REASONS: tuple[str | None, ...] = (
    None,
    "partial",
    "not_loaded",
    "zero_denominator",
    "not_started",
    "no_history",
    "no_counterpart",
    "zero_base",
    "negative_base",
    "no_target",
)


def text_column(codes: npt.NDArray[Any], words: tuple[str | None, ...]) -> pd.Series:
    """Return codes as a column of words, without making a Python string per row."""
    taken = pa.array(words, type=pa.large_string()).take(pa.array(codes))
    return pd.Series(pd.array(taken, dtype=pd.StringDtype("pyarrow", na_value=np.nan)))


def codes_of(column: pd.Series) -> Codes:
    """Return the codes of a column of reasons; null is 0, an unknown word raises KeyError."""
    index, words = pd.factorize(column)
    known = {word: code for code, word in enumerate(REASONS) if word is not None}
    table = np.array([*(known[str(word)] for word in words), OK], dtype=np.uint8)
    return table[index]
