"""The charts of the drill-downs: each shows what a headline is made of, from the rows of its detail view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.bars import Bar
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.chart_parts import (
    MONEY,
    UNKNOWN,
    columns_of,
    money_of,
    month_over,
    number_of,
    rows_of,
    so_far,
    step_of,
)
from kpi_lib.reporting.cohort_chart import cohort_matrix
from kpi_lib.reporting.operations_charts import (
    contracts,
    fulfilment_days,
    inventory_months,
    nps_groups,
    nps_months,
    nps_scores,
    pipeline_months,
    pipeline_stages,
)
from kpi_lib.reporting.plotting import Sketch

#: The order in which a change is told, and its colour.
STATUSES = {
    "new": "good",
    "reactivated": "good",
    "expanded": "good",
    "retained": "ly",
    "contracted": "bad",
    "churned": "bad",
    "adjustment": "ly",
    "unknown": "ly",
}
_MOST_ROWS = 12


def revenue_months(board: Board) -> Sketch:
    """Return revenue by month of this fiscal year and the one before, from the trend of revenue to date."""
    item = board.standing("revenue_ytd")
    trend = dict(item.trend) if item else {}
    start = board.year_start
    first = dt.date(start.year - 1, start.month, 1)
    bars, previous = [], 0.0
    for month in pd.period_range(first, board.as_of, freq="M"):
        value = trend.get(min(month.end_time.date(), board.as_of))
        if value is None:
            continue
        this_year = month.start_time.date() >= start
        # Revenue to date starts again with the year.
        previous = 0.0 if month.month == start.month else previous
        name = f"{month:%b}" if this_year else f"{month:%b %y}"
        running = month == pd.Period(board.as_of, "M") and not month_over(board.as_of)
        change, tone = value - previous, "acc" if this_year else "lly"
        said = (fmt.exact(change, MONEY, board.currency), *([so_far(board.as_of)] if running else []))
        bars.append(Bar(name, change, 0.0, tone, said=said, open=running))
        previous = value
    bars = bars or [Bar("", 0.0)]
    caption = f"The paler columns are fiscal {board.fiscal_year - 1}."
    if not month_over(board.as_of):
        caption += f" {board.as_of:%B} is open, its column dashed: {so_far(board.as_of)}."
    if any(bar.end < 0 for bar in bars):
        caption += " In a month below zero, more was credited than invoiced."
    best = max(bars, key=lambda bar: bar.end)
    words = (
        f"Net revenue by month, fiscal {board.fiscal_year - 1} and {board.fiscal_year}."
        f" Highest: {best.name} with {money_of(best.end, board.currency)}."
    )
    return columns_of(bars, MONEY, board.currency, words, caption, phone=4)


def accounts(board: Board) -> Sketch:
    """Return net revenue of the year by ledger account."""
    frame = board.detail("revenue_by_account").sort_values("net_revenue", ascending=False)
    bars = [
        Bar(f"{row['account_number']} {row['account_name']}", number_of(row["net_revenue"]),
            colour="acc" if number_of(row["net_revenue"]) >= 0 else "bad",
            text=money_of(number_of(row["net_revenue"]), board.currency))
        for row in frame.to_dict("records")
    ] or [Bar("no revenue", 0.0)]  # fmt: skip
    largest = f"the largest is {bars[0].name} with {bars[0].text}"
    words = f"Net revenue of fiscal {board.fiscal_year} by account; {largest}."
    return rows_of(bars, words)


def _of_year(board: Board) -> pd.DataFrame:
    frame = board.detail("customer_development")
    return frame[frame["fiscal_year"] == board.fiscal_year]


def _bridge(board: Board, steps: dict[str, float], first: tuple[str, float], last: str) -> list[Bar]:
    level, bars = first[1], [Bar(first[0], first[1], 0.0, "ly", money_of(first[1], board.currency))]
    for status, change in steps.items():
        bars.append(
            Bar(
                status,
                level + change,
                level,
                STATUSES[status] if change else "ly",
                step_of(change, board.currency),
            )
        )
        level += change
    return [*bars, Bar(last, level, 0.0, "acc", money_of(level, board.currency))]


def _steps(frame: pd.DataFrame) -> dict[str, float]:
    sums = frame.groupby("status")["net_revenue_change"].sum()
    return {status: float(sums[status]) for status in STATUSES if status in sums.index and sums[status]}


def retention_bridge(board: Board) -> Sketch:
    """Return how last year's revenue became this year's, over the customers that had some last year."""
    frame = _of_year(board)
    had = frame[(frame["qbo_customer_id"] != UNKNOWN) & (frame["net_revenue_last_year"] > 0)]
    first = float(had["net_revenue_last_year"].sum())
    bars = _bridge(board, _steps(had), (str(board.fiscal_year - 1), first), f"{board.fiscal_year} so far")
    share = fmt.percent(bars[-1].end / first) if first else "no share"
    words = (
        f"From {bars[0].text} in {board.fiscal_year - 1} to {bars[-1].text} so far with the same customers,"
        f" {share}: " + ", ".join(f"{bar.name} {bar.text}" for bar in bars[1:-1]) + "."
    )
    caption = f"Customers with revenue in {board.fiscal_year - 1}, all of that year against this year so far."
    return columns_of(bars, MONEY, board.currency, words, caption, phone=1)


def customer_changes(board: Board) -> Sketch:
    """Return the customers that gained and lost most, like for like."""
    frame = _of_year(board)
    frame = frame[frame["qbo_customer_id"] != UNKNOWN].sort_values("net_revenue_change_to_date")
    half = _MOST_ROWS // 2
    losing = frame[frame["net_revenue_change_to_date"] < 0].head(half)
    gaining = frame[frame["net_revenue_change_to_date"] > 0].tail(half)
    bars = [
        Bar(str(row["company_name"]), number_of(row["net_revenue_change_to_date"]),
            colour="good" if number_of(row["net_revenue_change_to_date"]) > 0 else "bad",
            text=step_of(number_of(row["net_revenue_change_to_date"]), board.currency))
        for row in pd.concat([losing, gaining]).iloc[::-1].to_dict("records")
    ] or [Bar("no change", 0.0)]  # fmt: skip
    words = f"Largest gain: {bars[0].name}, {bars[0].text}; largest loss: {bars[-1].name}, {bars[-1].text}."
    caption = (
        "Change of net revenue to date against the same days of last year; the customers that moved most."
    )
    return rows_of(bars, words, caption)


def development_bridge(board: Board) -> Sketch:
    """Return how all revenue came from last year's to this year's, by what became of the customers."""
    frame = _of_year(board)
    first = float(frame["net_revenue_last_year"].sum())
    bars = _bridge(board, _steps(frame), (str(board.fiscal_year - 1), first), f"{board.fiscal_year} so far")
    words = f"Net revenue from {bars[0].text} in {board.fiscal_year - 1} to {bars[-1].text} so far: "
    words += ", ".join(f"{bar.name} {bar.text}" for bar in bars[1:-1]) + "."
    caption = "The parts add up to the whole change; the whole of last year against this year so far."
    return columns_of(bars, MONEY, board.currency, words, caption, phone=1)


def customers_by_status(board: Board) -> Sketch:
    """Return how many customers each status has this year to date."""
    frame = _of_year(board)
    counts = frame[frame["qbo_customer_id"] != UNKNOWN]["status_to_date"].value_counts()
    bars = [
        Bar(status, float(counts[status]), colour=colour, text=f"{counts[status]:,}")
        for status, colour in STATUSES.items()
        if status in counts.index
    ] or [Bar("no customers", 0.0)]
    words = f"Customers of fiscal {board.fiscal_year} by what became of them: "
    words += ", ".join(f"{bar.text} {bar.name}" for bar in bars) + "."
    caption = (
        "This year so far against the same days of last year; churned: net revenue then, none or less now."
    )
    return rows_of(bars, words, caption)


def trend(board: Board) -> Sketch:
    """Return the first metric of a board at the ends of the months, and now."""
    item = board.leading[0]
    points = [(day, value) for day, value in item.trend[-13:] if value is not None] or [(board.as_of, 0.0)]
    bars = [
        Bar(f"{day:%b %y}" if day != board.as_of else fmt.day(day, year=False), value,
            colour="acc" if day == board.as_of else "ly", text=fmt.humanised(value, item.kpi, board.currency),
            open=day == board.as_of and not month_over(day))
        for day, value in points
    ]  # fmt: skip
    words = f"{item.metric.label} at the end of each month: "
    words += ", ".join(f"{bar.name} {bar.text}" for bar in bars) + "."
    caption = "At the end of each month, worked out from today’s sources."
    if any(value is None for _, value in item.trend[-13:]):
        caption += " A month without a value is left out."
    if item.metric.phased:
        caption += " It starts again at zero with the fiscal year."
    unit = item.metric.label if item.kpi.format == "number" else ""
    return columns_of(bars, item.kpi, board.currency, words, caption, phone=4, unit=unit)


KINDS: dict[str, tuple[str, Callable[[Board], Sketch]]] = {
    "revenue_months": ("Month by month", revenue_months),
    "accounts": ("By account", accounts),
    "retention_bridge": ("From last year to this one", retention_bridge),
    "customer_changes": ("Who gained, who lost", customer_changes),
    "development_bridge": ("What made the change", development_bridge),
    "cohort_matrix": ("How many stayed", cohort_matrix),
    "customers_by_status": ("How many customers", customers_by_status),
    "pipeline_months": ("When it is to close", pipeline_months),
    "pipeline_stages": ("How far the deals have come", pipeline_stages),
    "contracts": ("Spent against time", contracts),
    "fulfilment_days": ("How long it took", fulfilment_days),
    "nps_months": ("Month by month", nps_months),
    "nps_groups": ("Who would recommend", nps_groups),
    "nps_scores": ("Every score", nps_scores),
    "inventory_months": ("Month by month", inventory_months),
    "trend": ("The last twelve months", trend),
}
