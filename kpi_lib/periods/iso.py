"""Dates as people write them to us: in one form only, because two are one too many."""

from __future__ import annotations

import datetime as dt
import re

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def iso_day(text: str) -> dt.date:
    """Return a date written YYYY-MM-DD; anything else, such as 20261101 or 2026-W45-1, raises ValueError."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not written YYYY-MM-DD")
    return dt.date.fromisoformat(text)
