"""What the leadership brief says about a scorecard, by rule: the movers, the targets, what is open."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_lib.catalogue.targets import period_bounds
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board, Standing
from kpi_lib.reporting.brief_words import Judged, Step, told
from kpi_lib.reporting.chart_parts import UNKNOWN, money_of
from kpi_lib.reporting.markup import Prose, Run, strong
from kpi_lib.reporting.reasons import in_sentence

VIEW = "customer_development"
#: What became of customers, as a part of the change of revenue to date.
PARTS = {
    "new": "new customers",
    "reactivated": "customers that came back",
    "expanded": "customers that bought more",
    "retained": "customers that bought the same",
    "contracted": "customers that bought less",
    "churned": "customers without net revenue",
    "adjustment": "adjustments",
    "unknown": "revenue of no known customer",
}
#: What is no customer's.
_NOBODY = ("adjustment", "unknown")
_COLUMNS = {
    "fiscal_year",
    "status_to_date",
    "net_revenue",
    "net_revenue_change_to_date",
    "qbo_customer_id",
    "company_name",
}


@dataclass(frozen=True)
class Part:
    """What the customers of one fate added to the change of the first metric, and how many they are."""

    name: str
    size: float
    customers: int


def development(board: Board) -> list[Part]:
    """Return what made the change of the first metric against the same days of last year.

    Empty when the domain has no such view, or when its rows do not add up to the change: then it
    explains something else.
    """
    first = board.leading[0]
    if VIEW not in [view.name for view in board.scorecard.views] or first.value is None:
        return []
    frame = board.detail(VIEW)
    if not set(frame.columns) >= _COLUMNS or first.prior is None or not first.metric.phased:
        return []
    rows = frame[frame["fiscal_year"] == board.fiscal_year]
    sums = rows.groupby("status_to_date")["net_revenue_change_to_date"].agg(["sum", "count"])
    if abs(float(sums["sum"].sum()) - (first.value - first.prior)) >= 0.01:
        return []
    parts = [
        Part(
            PARTS.get(str(status), str(status)),
            float(row["sum"]),
            int(row["count"]) if status not in _NOBODY else 0,
        )
        for status, row in sums.iterrows()
    ]
    return sorted(parts, key=lambda part: -part.size)


def opening(board: Board) -> Prose:
    """Return how the first metric stands against a year ago, and which customers made the difference."""
    first = board.leading[0]
    runs = _standing(board, first)
    parts = development(board)
    if first.value is not None and first.prior is not None and parts:
        steps = [_step(part, board.currency) for part in parts if abs(part.size) >= 0.5]
        said = told(steps, first.value - first.prior)
        runs += [f" {' '.join(said)}" if said else " None of its parts has changed."]
        noted = credited(board)
        runs += [f" {noted}"] if noted else []
    return Prose.of(*runs)


def credited(board: Board) -> str:
    """Return how many customers without net revenue have less than none; empty when it is nobody."""
    frame = board.detail(VIEW)
    churned = frame[(frame["fiscal_year"] == board.fiscal_year) & (frame["status_to_date"] == "churned")]
    count = int((churned["net_revenue"] <= -0.005).sum())
    if not count:
        return ""
    verb = "was" if count == 1 else "were"
    return f"{count:,} of the {PARTS['churned']} {verb} credited more than invoiced."


def _step(part: Part, currency: str) -> Step:
    count = f"{part.customers:,} of them" if part.customers else ""
    return Step(part.name, part.size, money_of(abs(part.size), currency), count)


def _standing(board: Board, item: Standing) -> list[str | Run]:
    span = f"{fmt.long_span(board.year_start, board.as_of)} {board.as_of.year}"
    if item.value is None:
        return [f"{item.metric.label} for {span} has no value: {item.why_missing}"]
    value = strong(fmt.humanised(item.value, item.kpi, board.currency))
    start: list[str | Run] = [f"{item.metric.label} for {span} is ", value]
    if item.prior is None or item.prior_day is None:
        return [*start, "; it has no value a year earlier to compare with."]
    prior = fmt.humanised(item.prior, item.kpi, board.currency)
    step = fmt.signed(item.value - item.prior, item.kpi, board.currency)
    more = f": {step[1:]} {'more' if step[0] == '+' else 'less'}" if step[:1] in ("+", fmt.MINUS) else ""
    return [*start, f", against {prior} by {fmt.day(item.prior_day)}{more}."]


def judged(board: Board) -> list[Judged]:
    """Return every metric that has a target, in the order of the definitions."""
    return [
        Judged(item.kpi, item.metric.label, item.pace) for item in board.standings if item.pace is not None
    ]


def customers(board: Board) -> str:
    """Return which customer gained most and which lost most, like for like; empty without the view."""
    if not development(board):
        return ""
    frame = board.detail(VIEW)
    rows = frame[(frame["fiscal_year"] == board.fiscal_year) & (frame["qbo_customer_id"] != UNKNOWN)]
    rows = rows[rows["company_name"].notna()].sort_values(
        ["net_revenue_change_to_date", "company_name"], kind="stable"
    )
    said = []
    for what, row in (("gain", rows.tail(1)), ("loss", rows.head(1))):
        size = float(row["net_revenue_change_to_date"].iloc[0]) if len(row) else 0.0
        if (size > 0) == (what == "gain") and abs(size) >= 0.5:
            name = str(row["company_name"].iloc[0])
            said.append(f"the largest {what} is {name} with {money_of(abs(size), board.currency)}")
    return f"Among single customers {' and '.join(said)}." if said else ""


def provisional(board: Board) -> list[str]:
    """Return what of the figures is not final."""
    said = []
    first, last = period_bounds(f"FY{board.fiscal_year}", board.catalogue.calendar)
    if board.as_of < last:
        gone, whole = (board.as_of - first).days + 1, (last - first).days + 1
        said.append(f"Fiscal {board.fiscal_year} is open, {gone} of {whole} days.")
    if any(item.metric.key.endswith("_to_date") for item in board.standings):
        said.append(
            "Retention without “to date” sets this year so far against the whole of last year,"
            " so it is low until the year is over."
        )
    now_only = [in_sentence(item.metric.label) for item in board.leading if not item.metric.dated]
    if now_only:
        said.append(f"No change can be given for {fmt.listed(now_only)}: the sources tell only what is now.")
    silent = [in_sentence(item.metric.label) for item in board.standings if item.value is None]
    if silent:
        said.append(f"No value: {fmt.listed(silent)}.")
    if board.watermark < board.as_of:
        said.append(f"The sources are complete through {fmt.day(board.watermark)} only.")
    return said
