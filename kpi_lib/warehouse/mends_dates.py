"""Mends of dates and times.

Where DuckDB gives a timestamp for what is a DATE in GoogleSQL the result is cast back, so
DATE_ADD, DATE_SUB and DATE_TRUNC take dates only.
"""

from __future__ import annotations

import re

from sqlglot import exp

from kpi_lib.warehouse.refusal import cast, refusal

_FORMAT = re.compile(r"%[YmdHMSjAaBbuwyGVUW%]")
_DATE_PARTS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_TRUNC_PARTS = (*_DATE_PARTS, "ISOWEEK", "ISOYEAR")
_CLOCK_PARTS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR")
_EXTRACTED = (
    *("DAY", "DAYOFYEAR", "MONTH", "QUARTER", "YEAR", "ISOWEEK", "ISOYEAR"),
    *("HOUR", "MINUTE"),
)


def _unit(node: exp.Expression, allowed: tuple[str, ...]) -> str:
    """Return the date part of a node in upper case, or refuse one that is not compared."""
    unit = node.args.get("unit")
    name = "WEEK" if isinstance(unit, exp.WeekStart) else unit.name.upper() if unit is not None else "DAY"
    if name not in allowed:
        raise refusal(node, f"uses the part {name}", f"Use one of {', '.join(allowed)}.")
    return name


def date_arithmetic(node: exp.Expression) -> None:
    """Cast DATE ± INTERVAL and DATE_TRUNC back: DuckDB makes timestamps of them."""
    _unit(node, _TRUNC_PARTS if isinstance(node, exp.DateTrunc) else _DATE_PARTS)
    node.replace(cast(node.copy(), "DATE"))


def last_day(node: exp.Expression) -> None:
    """Pass the parts that have been compared."""
    _unit(node, ("MONTH", "QUARTER", "YEAR", "WEEK") if node.args.get("unit") else ("DAY",))


def date(node: exp.Expression) -> None:
    """Mend DATE(ts, zone): the local date of an instant."""
    zone = node.args.get("zone")
    if zone is not None:
        node.replace(cast(_local(node.this, zone), "DATE"))


def _local(instant: exp.Expression, zone: exp.Expression) -> exp.Expression:
    return exp.AtTimeZone(this=exp.Paren(this=cast(instant.copy(), "TIMESTAMPTZ")), zone=zone.copy())


def at_time_zone(node: exp.Expression) -> None:
    """Make the operand an instant; DuckDB would read a plain timestamp as local."""
    if not isinstance(node.parent, exp.Extract):
        raise refusal(node, "uses AT TIME ZONE", "Use DATETIME(ts, zone) or DATE(ts, zone).")
    node.set("this", exp.Paren(this=cast(node.this.copy(), "TIMESTAMPTZ")))


def extract(node: exp.Expression) -> None:
    """Mend the parts that have other names or another first value."""
    part, source = node.this, node.expression
    if isinstance(part, exp.WeekStart) or part.name.upper() == "WEEK":
        first = part.name.upper() if isinstance(part, exp.WeekStart) else "SUNDAY"
        codes = {"SUNDAY": "%U", "MONDAY": "%W"}
        if first not in codes:
            raise refusal(node, f"counts weeks from {first}", "Use WEEK, WEEK(MONDAY) or ISOWEEK.")
        text = exp.Anonymous(this="strftime", expressions=[source.copy(), exp.Literal.string(codes[first])])
        node.replace(cast(text, "BIGINT"))
    elif part.name.upper() == "DATE":
        node.replace(cast(source.copy(), "DATE"))
    elif part.name.upper() == "ISOWEEK":
        # Its plain week is the ISO week; the name ISOWEEK it does not know.
        part.set("this", "WEEK")
    elif part.name.upper() == "DAYOFWEEK":
        # GoogleSQL counts Sunday as 1, DuckDB as 0.
        counted = exp.Add(this=node.copy(), expression=exp.Literal.number(1))
        node.replace(exp.Paren(this=counted))
    elif part.name.upper() not in _EXTRACTED:
        raise refusal(node, f"extracts {part.name.upper()}", f"Use one of {', '.join(_EXTRACTED)}.")


def timestamp_diff(node: exp.Expression) -> None:
    """Count whole units that have passed; DuckDB's date_diff counts boundaries."""
    unit = _unit(node, ("DAY", *_CLOCK_PARTS))
    arguments = [exp.Literal.string(unit.lower()), node.expression.copy(), node.this.copy()]
    node.replace(exp.Anonymous(this="date_sub", expressions=arguments))


def timestamp_arithmetic(node: exp.Expression) -> None:
    """Pass the parts that have been compared."""
    _unit(node, ("DAY", *_CLOCK_PARTS))


def truncate_instant(node: exp.Expression) -> None:
    """Pass the parts that have been compared."""
    _unit(node, ("HOUR", "MINUTE", *_TRUNC_PARTS))


def timestamp(node: exp.Expression) -> None:
    """Mend TIMESTAMP(local, zone): of an hour that comes twice GoogleSQL takes the first."""
    zone = node.args.get("zone")
    if zone is None:
        return
    local = exp.Paren(this=cast(node.this.copy(), "TIMESTAMP"))
    hour = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("HOUR"))
    earlier = exp.Paren(this=exp.Sub(this=local.copy(), expression=hour.copy()))
    direct = exp.AtTimeZone(this=local, zone=zone.copy())
    shifted = exp.Add(this=exp.AtTimeZone(this=earlier, zone=zone.copy()), expression=hour)
    both = [exp.Paren(this=direct), exp.Paren(this=shifted)]
    # An anonymous function, because sqlglot would add GoogleSQL's handling of nulls to LEAST.
    node.replace(exp.Anonymous(this="least", expressions=both))


def format_time(node: exp.Expression) -> None:
    """Pass formats that have been compared; keep the zone, which sqlglot drops."""
    pattern, instant = node.args["format"], node.this
    if not isinstance(pattern, exp.Literal) or "%" in _FORMAT.sub("", pattern.name):
        raise refusal(
            node,
            "uses a format that is not compared",
            "Use %Y %m %d %F %H %M %S %j %A %a %B %b %u %w %y %G %V.",
        )
    if isinstance(instant, exp.TsOrDsToTimestamp):
        zone = node.args.get("zone") or exp.Literal.string("UTC")
        node.set("this", _local(instant.this, zone))
        node.set("zone", None)


def generate_dates(node: exp.Expression) -> None:
    """Refuse a step in months, which drifts on DuckDB from the 31st on."""
    step = node.args.get("step")
    if isinstance(step, exp.Interval) and step.text("unit").upper() not in ("DAY", "WEEK"):
        raise refusal(node, "steps by months", "Generate days and keep the first of each period.")


def date_diff(node: exp.Expression) -> None:
    """Pass the parts that have been compared."""
    clock = _CLOCK_PARTS if isinstance(node, exp.DatetimeDiff) else ()
    _unit(node, (*clock, *_DATE_PARTS, "ISOWEEK"))
