"""Mends of CAST and of rounding."""

from __future__ import annotations

from sqlglot import exp

from kpi_lib.warehouse.refusal import cast, refusal


def convert(node: exp.Expression) -> None:
    """Mend or refuse a CAST or SAFE_CAST by its target."""
    target = node.args["to"]
    kind = target.this
    safe = isinstance(node, exp.TryCast)
    if node.args.get("format") is not None:
        raise refusal(node, "casts with a format", "Use FORMAT_DATE.")
    if kind == exp.DType.DECIMAL and not target.expressions:
        node.set("to", exp.DataType.build("DECIMAL(38, 9)", dialect="duckdb"))
    elif kind == exp.DType.BIGINT:
        node.replace(_to_integer(node, safe))
    elif kind == exp.DType.BOOLEAN:
        node.replace(_from_text(node, safe, r"(?i)true|false"))
    elif kind in (exp.DType.TEXT, exp.DType.VARCHAR):
        node.replace(_to_text(node))
    elif kind not in (
        exp.DType.DECIMAL, exp.DType.DOUBLE, exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ
    ):  # fmt: skip
        raise refusal(node, f"casts to {target.sql(dialect='bigquery')}", "Compare or use CASE instead.")


def _kind_of(node: exp.Expression) -> exp.Anonymous:
    # DuckDB works typeof() out while it plans, so the other branches cost nothing.
    return exp.Anonymous(this="typeof", expressions=[node.copy()])


def _failing(message: exp.Expression, kind: str) -> exp.Expression:
    """Return an expression that fails when it is run; error() is volatile and so barred from ORDER BY."""
    return cast(cast(exp.Paren(this=message), "BIGINT"), kind)


def _to_integer(node: exp.Expression, safe: bool) -> exp.Expression:
    """GoogleSQL rounds halves away from zero and refuses '1.5'; DuckDB rounds to even and takes it."""
    value = node.this
    if isinstance(value, exp.Literal) and not value.is_string and "." not in value.name:
        return node.copy()
    rounded = exp.Round(this=exp.TryCast(this=value.copy(), to=exp.DataType.build("DOUBLE")))
    checked = _from_text(node, safe, r"\s*[+-]?\d+\s*")
    return checked.when(_kind_of(value).isin("DOUBLE", "FLOAT"), cast(rounded, "BIGINT"))


def _from_text(node: exp.Expression, safe: bool, pattern: str) -> exp.Case:
    """Return the cast for texts that match; DuckDB takes more spellings than GoogleSQL."""
    value, kind = node.this, node.args["to"].sql(dialect="duckdb")
    text = cast(value.copy(), "VARCHAR")
    matches = exp.Anonymous(this="regexp_full_match", expressions=[text, exp.Literal.string(pattern)])
    message = exp.DPipe(this=exp.Literal.string(f"no {kind}: "), expression=text.copy())
    failed = exp.Null() if safe else _failing(message, kind)
    return (
        exp.Case().when(exp.and_(_kind_of(value).eq("VARCHAR"), exp.not_(matches)), failed).else_(node.copy())
    )


def _to_text(node: exp.Expression) -> exp.Expression:
    """Numbers and instants are written differently; decimals are mended, the others refused when run."""
    value, plain = node.this, node.copy()
    text = cast(value.copy(), "VARCHAR")
    trimmed = exp.Anonymous(
        this="regexp_replace",
        expressions=[text.copy(), exp.Literal.string(r"\.?0+$"), exp.Literal.string("")],
    )
    message = exp.Literal.string("a FLOAT64 or TIMESTAMP cast to STRING, which differs between engines")
    refused = _failing(message, "VARCHAR")
    unlike = _kind_of(value).isin("DOUBLE", "FLOAT", "TIMESTAMP WITH TIME ZONE")
    fraction = exp.and_(
        exp.Anonymous(this="starts_with", expressions=[_kind_of(value), exp.Literal.string("DECIMAL")]),
        exp.Anonymous(this="contains", expressions=[text.copy(), exp.Literal.string(".")]),
    )
    return exp.Case().when(unlike, refused).when(fraction, trimmed).else_(plain)


def round_quotient(node: exp.Expression) -> None:
    """Refuse to round a quotient, which is binary here: 1.005 rounds to 1.00, while NUMERIC gives 1.01."""
    if node.args.get("decimals") is None:
        return
    terms = [node.this]
    while terms:
        term = terms.pop()
        if isinstance(term, (exp.Div, exp.SafeDivide, exp.Avg)):
            raise refusal(node, "rounds a quotient", "Write ROUND(CAST(a / b AS NUMERIC), n).")
        if isinstance(term, (exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul)):
            terms += [side for side in (term.this, term.args.get("expression")) if side is not None]
