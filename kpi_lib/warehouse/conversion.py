"""One landing column into its declared type, without losing anything, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pat

from kpi_lib.warehouse.types import ARROW_TYPES

_NINE_PLACES = Decimal("1e-9")
#: What a file's type is called in a message.
_WORDS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pat.is_boolean, "true/false values"),
    (pat.is_integer, "whole numbers"),
    (pat.is_floating, "floating-point numbers"),
    (pat.is_decimal, "decimal numbers"),
    (pat.is_string, "text"),
    (pat.is_date, "dates"),
    (pat.is_timestamp, "times"),
)
_WANTED = {
    "STRING": "text",
    "INT64": "whole numbers",
    "FLOAT64": "numbers",
    "NUMERIC": "numbers with at most nine decimals",
    "BOOL": "true/false values",
    "DATE": "dates",
    "DATETIME": "local times without a zone",
    "TIMESTAMP": "times",
}


class ConversionError(Exception):
    """A column cannot be given its declared type.

    Parameters
    ----------
    what
        A sentence for the user.
    row
        Position of the first value that does not fit, or None when none of them does.
    """

    def __init__(self, what: str, row: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.row = row


def convert(array: pa.Array, declared: str) -> pa.Array:
    """Return the column in the Arrow type of its declared GoogleSQL type.

    Allowed are conversions that keep every value: whole numbers and decimals to NUMERIC,
    floating-point numbers to NUMERIC by their shortest decimal form, whole floats to INT64,
    midnights to DATE, instants of any zone (and times without one, taken as UTC) to TIMESTAMP.

    Raises
    ------
    ConversionError
        When a value does not fit, or the file holds another kind of value.
    """
    if pat.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pat.is_large_string(array.type) or pat.is_string_view(array.type):
        array = array.cast(pa.string())
    target = ARROW_TYPES[declared]
    if array.type == target:
        return _finite(array)
    if pat.is_null(array.type):
        return pa.nulls(len(array), target)
    if not _compatible(array.type, declared):
        found = next((words for test, words in _WORDS if test(array.type)), str(array.type))
        raise ConversionError(f"it holds {found}, not {_WANTED[declared]} ({declared}).")
    cast = _to_decimal if declared == "NUMERIC" and pat.is_floating(array.type) else _to(target)
    try:
        return cast(_finite(array))
    except pa.ArrowInvalid as error:
        row = _first_failing(array, cast)
        raise ConversionError(f"a value does not fit {declared} ({_WANTED[declared]}).", row) from error


def _compatible(kind: pa.DataType, declared: str) -> bool:
    number = pat.is_integer(kind) or pat.is_floating(kind) or pat.is_decimal(kind)
    local = pat.is_timestamp(kind) and kind.tz is None
    fits: dict[str, bool] = {
        "STRING": pat.is_integer(kind),
        "INT64": number,
        "FLOAT64": number,
        "NUMERIC": number,
        "BOOL": pat.is_integer(kind),
        "DATE": pat.is_date(kind) or local,
        "DATETIME": local,
        "TIMESTAMP": pat.is_timestamp(kind),
    }
    return fits[declared]


def _to(target: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    def cast(array: pa.Array) -> pa.Array:
        if pat.is_boolean(target):
            return _refuse_unless(pc.is_in(array, pa.array([0, 1, None], array.type)), array.cast(target))
        if pat.is_date(target) and pat.is_timestamp(array.type):
            return _refuse_unless(pc.equal(pc.floor_temporal(array, unit="day"), array), array.cast(target))
        return array.cast(target)

    return cast


def _refuse_unless(fits: pa.Array, converted: pa.Array) -> pa.Array:
    if pc.all(fits).as_py() is False:
        raise pa.ArrowInvalid("lossy")
    return converted


def _to_decimal(array: pa.Array) -> pa.Array:
    """19.99 in a double is 19.989999999999998…; its shortest decimal form is what was meant."""
    texts = array.cast(pa.string())
    if pc.any(pc.match_substring_regex(texts, r"\.\d{10}|[einEIN]")).as_py():
        return pa.array([_nine_places(text) for text in texts.to_pylist()], ARROW_TYPES["NUMERIC"])
    return texts.cast(ARROW_TYPES["NUMERIC"])


def _nine_places(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text).quantize(_NINE_PLACES)
    except InvalidOperation as error:
        raise pa.ArrowInvalid(text) from error


def _finite(array: pa.Array) -> pa.Array:
    """NaN and infinity are neither numbers nor missing; refuse them."""
    if pat.is_floating(array.type):
        strange = pc.fill_null(pc.invert(pc.is_finite(array)), False)
        if pc.any(strange).as_py():
            row = pc.index(strange, True).as_py()
            raise ConversionError("there is a value that is not a finite number (NaN or infinity).", row)
    return array


def _first_failing(array: pa.Array, cast: Callable[[pa.Array], pa.Array]) -> int:
    """Return the position of the first value that cannot be cast, by halving."""
    start, stop = 0, len(array)
    while stop - start > 1:
        middle = (start + stop) // 2
        if _casts(array.slice(start, middle - start), cast):
            start = middle
        else:
            stop = middle
    return start


def _casts(array: pa.Array, cast: Callable[[pa.Array], pa.Array]) -> bool:
    try:
        cast(array)
    except pa.ArrowInvalid:
        return False
    return True
