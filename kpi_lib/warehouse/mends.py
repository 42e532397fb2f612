"""What has to be changed in sqlglot's tree so that DuckDB answers as GoogleSQL does.

``mend`` walks a parsed GoogleSQL query once. A node is passed, replaced, or refused with a
:class:`~kpi_lib.errors.DefinitionError` that names the construct and a way around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from kpi_lib.warehouse import mends_casts, mends_dates
from kpi_lib.warehouse.refusal import refusal

#: Functions compared with Google's reference implementation, as sqlglot calls them.
CHECKED: frozenset[type[exp.Expression]] = frozenset(
    {
        # conditionals and logic
        exp.And, exp.Or, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least,
        exp.Exists,
        # numbers
        exp.Abs, exp.Sign, exp.Floor, exp.Ceil, exp.Trunc, exp.Round, exp.SafeDivide,
        exp.IntDiv, exp.Mod, exp.Cast, exp.TryCast, exp.IsNan,
        exp.Pow, exp.Ln,
        # dates and times
        exp.Date, exp.DateFromParts, exp.Datetime, exp.Timestamp, exp.Extract, exp.LastDay, exp.WeekStart,
        exp.DateAdd, exp.DateSub, exp.DateDiff, exp.DateTrunc,
        exp.DatetimeAdd, exp.DatetimeSub, exp.DatetimeDiff, exp.DatetimeTrunc,
        exp.TimestampAdd, exp.TimestampSub, exp.TimestampDiff, exp.TimestampTrunc,
        exp.TimeToStr, exp.TsOrDsToDate, exp.TsOrDsToDatetime, exp.TsOrDsToTimestamp,
        exp.UnixDate, exp.GenerateDateArray, exp.GenerateSeries,
        # text
        exp.Concat, exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Replace, exp.StartsWith, exp.EndsWith,
        exp.RegexpLike, exp.Length, exp.Pad, exp.Format,
        # aggregates and windows
        exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.AnyValue, exp.LogicalAnd,
        exp.LogicalOr, exp.ArrayAgg, exp.GroupConcat, exp.Stddev, exp.StddevPop, exp.StddevSamp,
        exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
        # shapes
        exp.Array, exp.Struct, exp.Unnest,
    }
)  # fmt: skip

_CLOCK_FUNCTIONS = (
    exp.CurrentDate, exp.CurrentDatetime, exp.CurrentTimestamp, exp.CurrentTime
)  # fmt: skip


def mend(tree: exp.Query) -> exp.Query:
    """Return the query, mended; the tree is changed in place."""
    # Inner nodes first, so that a mend that copies its node copies mended ones.
    for node in reversed(list(tree.walk(bfs=False))):
        _refuse(node)
        repair = _REPAIRS.get(type(node))
        if repair is not None:
            repair(node)
    return tree


def _refuse(node: exp.Expression) -> None:
    if isinstance(node, _CLOCK_FUNCTIONS):
        raise refusal(node, "reads the clock", "Use @as_of, @first_day or @last_day.")
    if isinstance(node, (exp.Pivot, exp.TableSample, exp.Version, exp.MatchRecognize, exp.HavingMax)):
        raise refusal(node, "is not supported", "Write it with plain SELECT, CASE and GROUP BY.")
    if isinstance(node, exp.Select) and node.args.get("kind"):
        raise refusal(node, "returns a struct", "Select plain columns.")
    if isinstance(node, exp.Column) and node.args.get("db"):
        raise refusal(node, "names a column through its layer", "Give the table an alias and use that.")
    # CASE's own branches are IF nodes in the tree; both are in the list.
    if isinstance(node, exp.Func) and type(node) not in CHECKED:
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        raise refusal(
            node,
            f"uses {name}, which is not known to mean the same on DuckDB and BigQuery",
            "Use arithmetic, CASE or one of the functions that kpi_lib/warehouse/mends.py lists.",
        )


def _trim(node: exp.Expression) -> None:
    """Name the characters: without them GoogleSQL trims all white space, DuckDB only blanks."""
    if node.args.get("expression") is None:
        node.set("expression", exp.Literal.string(" \t\n\v\f\r"))


def _substring(node: exp.Expression) -> None:
    """Refuse positions of zero and below, which differ."""
    start = node.args.get("start")
    if not isinstance(start, exp.Literal) or int(start.name) < 1:
        raise refusal(node, "starts at a position that is not a positive number", "Count from 1.")


def _count_if(node: exp.Expression) -> None:
    """Count: DuckDB's count_if is null where it has met no value at all."""
    node.replace(exp.Count(this=exp.Case().when(node.this.copy(), exp.Literal.number(1))))


def _division(node: exp.Expression) -> None:
    """Bracket DIV and MOD: functions become operators, and operators bind by precedence."""
    for side in ("this", "expression"):
        node.set(side, exp.paren(node.args[side].unnest().copy(), copy=False))
    if not isinstance(node.parent, exp.Paren):
        node.replace(exp.paren(node.copy(), copy=False))


def _datetime(node: exp.Expression) -> None:
    """Refuse a zone that is a parameter: sqlglot takes it for a time of day."""
    if isinstance(node.args.get("expression"), exp.Parameter):
        raise refusal(
            node,
            "takes its time zone from a parameter",
            "Use DATE(…, @time_zone) or EXTRACT(… AT TIME ZONE @time_zone).",
        )


def _unnest(node: exp.Expression) -> None:
    """Refuse offsets, which start at 0 in GoogleSQL and at 1 in DuckDB."""
    if node.args.get("offset"):
        raise refusal(node, "uses WITH OFFSET", "Put the position into a STRUCT.")


def _format(node: exp.Expression) -> None:
    """Write FLOAT64 with printf; other types, and other patterns, are written differently."""
    number = node.expressions[-1] if node.expressions else None
    is_float = isinstance(number, exp.Cast) and number.args["to"].this == exp.DType.DOUBLE
    if not is_float or not re.fullmatch(r"%\.(\d+|\*)f", node.this.name):
        raise refusal(
            node,
            "formats something else than a FLOAT64 with decimals",
            "Use FORMAT('%.2f', CAST(x AS FLOAT64)).",
        )
    node.replace(exp.Anonymous(this="printf", expressions=[node.this.copy(), *node.expressions]))


def _like(node: exp.Expression) -> None:
    """Refuse a backslash, which escapes in GoogleSQL only."""
    if not isinstance(node.expression, exp.Literal) or "\\" in node.expression.name:
        raise refusal(node, "has no plain pattern", "Use STARTS_WITH, ENDS_WITH or REGEXP_CONTAINS.")


_REPAIRS: dict[type[exp.Expression], Callable[[exp.Expression], None]] = {
    exp.Datetime: _datetime,
    exp.IntDiv: _division,
    exp.Mod: _division,
    exp.DateAdd: mends_dates.date_arithmetic,
    exp.DateSub: mends_dates.date_arithmetic,
    exp.DateTrunc: mends_dates.date_arithmetic,
    exp.DateDiff: mends_dates.date_diff,
    exp.DatetimeDiff: mends_dates.date_diff,
    exp.LastDay: mends_dates.last_day,
    exp.Date: mends_dates.date,
    exp.AtTimeZone: mends_dates.at_time_zone,
    exp.Extract: mends_dates.extract,
    exp.Timestamp: mends_dates.timestamp,
    exp.TimestampDiff: mends_dates.timestamp_diff,
    exp.TimestampAdd: mends_dates.timestamp_arithmetic,
    exp.TimestampSub: mends_dates.timestamp_arithmetic,
    exp.TimestampTrunc: mends_dates.truncate_instant,
    exp.DatetimeTrunc: mends_dates.truncate_instant,
    exp.TimeToStr: mends_dates.format_time,
    exp.GenerateDateArray: mends_dates.generate_dates,
    exp.Cast: mends_casts.convert,
    exp.TryCast: mends_casts.convert,
    exp.Round: mends_casts.round_quotient,
    exp.CountIf: _count_if,
    exp.Unnest: _unnest,
    exp.Trim: _trim,
    exp.Substring: _substring,
    exp.Like: _like,
    exp.Format: _format,
}
