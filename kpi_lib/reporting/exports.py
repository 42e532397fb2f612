"""Figures for other programs."""

from __future__ import annotations

import pandas as pd

#: What makes a spreadsheet take a text for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV whose texts no spreadsheet runs as formulas.

    Parameters
    ----------
    frame
        Any frame; numbers and dates are written as they are.

    Returns
    -------
    str
        CSV with a header; a text that begins like a formula has an apostrophe before it.
    """
    texts = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name].dtype)]
    escaped = {name: frame[name].map(_inert, na_action="ignore") for name in texts}
    return frame.assign(**escaped).to_csv(index=False)


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
