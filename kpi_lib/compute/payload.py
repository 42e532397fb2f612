"""The payload: one JSON text per as-of date and series, written column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kpi_lib.compute.flat import FlatPrior, FlatWindow
from kpi_lib.compute.reasons import REASONS
from kpi_lib.compute.sums import Floats
from kpi_lib.periods.calendars import Days

PCT_DECIMALS = 6
# From here on the short text of a number would need an exponent.
_LARGE = 1e9


def payloads(
    dates: Days, date_of_row: npt.NDArray[Any], windows: dict[str, FlatWindow], decimals: npt.NDArray[Any]
) -> pa.Array:
    """Return the payload text of each row.

    Parameters
    ----------
    dates, date_of_row
        The distinct as-of dates, and the position of each row's date among them.
    windows
        Flat columns by window, in the order of the keys. The first comparison is the one behind
        ``p, d, dp``; each further one is an object of its own under its name.
    decimals
        Decimals of each row's KPI.
    """
    parts: list[Any] = [
        '{"as_of": "',
        pa.array(np.datetime_as_string(dates)).take(pa.array(date_of_row)),
        '"',
    ]
    for name, window in windows.items():
        parts += _window(name, window, decimals)
    parts.append("}")
    return pc.binary_join_element_wise(*map(_large, parts), _large(""))


def _large(part: Any) -> Any:
    return pa.scalar(part, pa.large_string()) if isinstance(part, str) else part.cast(pa.large_string())


def _window(name: str, window: FlatWindow, decimals: npt.NDArray[Any]) -> list[Any]:
    parts: list[Any] = [f', "{name}": {{"v": ', number_text(round_half_even(window.value, decimals))]
    (_, first), *others = window.priors.items()
    parts += [", ", *_prior(first, decimals)]
    for other, prior in others:
        parts += [f', "{other}": {{', *_prior(prior, decimals), *_reasons({"pr": prior.prior_codes})]
        parts += [*_reasons({"dr": prior.delta_codes}), *_days("pn", prior.prior_missing), "}"]
    parts += _reasons({"r": window.codes, "pr": first.prior_codes, "dr": first.delta_codes})
    return [*parts, *_days("n", window.missing), *_days("pn", first.prior_missing), "}"]


def _prior(prior: FlatPrior, decimals: npt.NDArray[Any]) -> list[Any]:
    six = np.full_like(decimals, PCT_DECIMALS)
    return [
        '"p": ',
        number_text(round_half_even(prior.prior, decimals)),
        ', "d": ',
        number_text(round_half_even(prior.delta, decimals)),
        ', "dp": ',
        number_text(round_half_even(prior.delta_pct, six)),
    ]


def _reasons(codes: dict[str, npt.NDArray[Any]]) -> list[Any]:
    """Return the reasons as one column of text, written once per combination."""
    combined = sum(column.astype(np.int64) * 16**place for place, column in enumerate(codes.values()))
    found, inverse = np.unique(combined, return_inverse=True)
    if not found.any():
        return []
    texts = []
    for combination in found.tolist():
        words = {key: REASONS[combination // 16**place % 16] for place, key in enumerate(codes)}
        texts.append("".join(f', "{key}": "{word}"' for key, word in words.items() if word))
    return [pa.array(texts, pa.large_string()).take(pa.array(inverse))]


def _days(key: str, days: npt.NDArray[Any]) -> list[Any]:
    if not days.any():
        return []
    found, inverse = np.unique(days, return_inverse=True)
    texts = [f', "{key}": {count}' if count else "" for count in found.tolist()]
    return [pa.array(texts, pa.large_string()).take(pa.array(inverse))]


def round_half_even(values: Floats, decimals: npt.NDArray[Any]) -> Floats:
    """Round each value to its decimals, half to even, exactly as Python's ``round`` does.

    NaN stays NaN, and −0 becomes 0.
    """
    scale = np.array([10.0**place for place in range(PCT_DECIMALS + 1)])[decimals]
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * scale
        rounded: Floats = np.rint(scaled) / scale
        # Scaling can move a value on to or off a tie, and spends bits of large ones: those go one by one.
        near = np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5) < 1e-6 + np.abs(scaled) * 1e-15
        near |= np.abs(scaled) >= 2.0**50
    for row in np.flatnonzero(near):
        rounded[row] = round(float(values[row]), int(decimals[row]))
    rounded += 0.0
    return rounded


def number_text(values: Floats) -> pa.Array:
    """Return numbers as JSON text, the way Python writes them; NaN as ``null``."""
    text = pc.cast(pa.array(values), pa.large_string())
    with np.errstate(invalid="ignore"):
        size = np.abs(values)
        plain_whole = (values == np.trunc(values)) & (size < _LARGE)
        odd = (size >= _LARGE) | ((size < 1e-4) & (size > 0.0))
    ending = pa.array(["", ".0"], pa.large_string()).take(pa.array(plain_whole.astype(np.int8)))
    text = pc.binary_join_element_wise(text, ending, pa.scalar("", pa.large_string()))
    if odd.any():
        written = pa.array([repr(number) for number in values[odd].tolist()], pa.large_string())
        text = pc.replace_with_mask(text, pa.array(odd), written)
    absent = np.isnan(values)
    if absent.any():
        text = pc.if_else(pa.array(absent), pa.scalar("null", pa.large_string()), text)
    return text
