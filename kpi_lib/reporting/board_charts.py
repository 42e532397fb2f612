"""The charts of the drill-downs: each shows what a headline is made of, from the rows of its detail view."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Sequence

import pandas as pd

from kpi_lib.catalogue.models import Format, Kpi
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.bars import NARROW, WIDE, Bar, columns_spec, rows_spec
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.plotting import Sketch

UNKNOWN = "UNKNOWN"
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
_MOST_CONTRACTS = 20


def unit(format: Format, decimals: int = 0) -> Kpi:
    """Return a unit to format numbers by: money, counts, percents as fractions, days."""
    return Kpi(
        id=1, code="unit", name="unit", group="unit", kind="sum", format=format, decimals=decimals,
        unit="fraction" if format == "percent" else None, direction="neutral", definition="A unit.",
    )  # fmt: skip


MONEY, COUNT, PERCENT = unit("currency", 2), unit("number"), unit("percent", 1)


def _columns(
    bars: Sequence[Bar],
    kpi: Kpi,
    currency: str,
    words: str,
    caption: str = "",
    every: int = 1,
    phone: int = 3,
) -> Sketch:
    return Sketch(
        columns_spec(bars, WIDE, 280, kpi, currency, every),
        columns_spec(
            [bar if len(bars) < 7 else _bare(bar) for bar in bars], NARROW, 230, kpi, currency, phone
        ),
        words,
        caption,
        columns_spec(bars, 660, 190, kpi, currency, every),
    )


def _bare(bar: Bar) -> Bar:
    return Bar(bar.name, bar.end, bar.start, bar.colour)


def _rows(bars: Sequence[Bar], kpi: Kpi, currency: str, words: str, caption: str = "") -> Sketch:
    return Sketch(
        rows_spec(bars, WIDE, kpi, currency),
        rows_spec(bars, NARROW, kpi, currency),
        words,
        caption,
        rows_spec(bars, 660, kpi, currency, 20),
    )


def _number(value: object) -> float:
    return float(str(value))


def _money(value: float, currency: str) -> str:
    return fmt.humanised(value, MONEY, currency)


def _step(value: float, currency: str) -> str:
    return fmt.signed(value, MONEY, currency)


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
        bars.append(Bar(name, value - previous, 0.0, "acc" if this_year else "lly"))
        previous = value
    bars = bars or [Bar("", 0.0)]
    caption = f"The paler columns are fiscal {board.fiscal_year - 1}."
    if not _month_over(board.as_of):
        caption += f" {board.as_of:%B} is open: {board.as_of.day} days."
    if any(bar.end < 0 for bar in bars):
        caption += " In a month below zero, more was credited than invoiced."
    best = max(bars, key=lambda bar: bar.end)
    words = (
        f"Net revenue by month, fiscal {board.fiscal_year - 1} and {board.fiscal_year}."
        f" Highest: {best.name} with {_money(best.end, board.currency)}."
    )
    return _columns(bars, MONEY, board.currency, words, caption, phone=4)


def _month_over(day: dt.date) -> bool:
    return calendar.monthrange(day.year, day.month)[1] == day.day


def accounts(board: Board) -> Sketch:
    """Return net revenue of the year by ledger account."""
    frame = board.detail("revenue_by_account").sort_values("net_revenue", ascending=False)
    bars = [
        Bar(f"{row['account_number']} {row['account_name']}", _number(row["net_revenue"]),
            colour="acc" if _number(row["net_revenue"]) >= 0 else "bad",
            text=_money(_number(row["net_revenue"]), board.currency))
        for row in frame.to_dict("records")
    ] or [Bar("no revenue", 0.0)]  # fmt: skip
    largest = f"the largest is {bars[0].name} with {bars[0].text}"
    words = f"Net revenue of fiscal {board.fiscal_year} by account; {largest}."
    return _rows(bars, MONEY, board.currency, words)


def _of_year(board: Board) -> pd.DataFrame:
    frame = board.detail("customer_development")
    return frame[frame["fiscal_year"] == board.fiscal_year]


def _bridge(board: Board, steps: dict[str, float], first: tuple[str, float], last: str) -> list[Bar]:
    level, bars = first[1], [Bar(first[0], first[1], 0.0, "ly", _money(first[1], board.currency))]
    for status, change in steps.items():
        bars.append(
            Bar(
                status,
                level + change,
                level,
                STATUSES[status] if change else "ly",
                _step(change, board.currency),
            )
        )
        level += change
    return [*bars, Bar(last, level, 0.0, "acc", _money(level, board.currency))]


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
    return _columns(bars, MONEY, board.currency, words, caption, phone=1)


def customer_changes(board: Board) -> Sketch:
    """Return the customers that gained and lost most, like for like."""
    frame = _of_year(board)
    frame = frame[frame["qbo_customer_id"] != UNKNOWN].sort_values("net_revenue_change_to_date")
    half = _MOST_ROWS // 2
    losing = frame[frame["net_revenue_change_to_date"] < 0].head(half)
    gaining = frame[frame["net_revenue_change_to_date"] > 0].tail(half)
    bars = [
        Bar(str(row["company_name"]), _number(row["net_revenue_change_to_date"]),
            colour="good" if _number(row["net_revenue_change_to_date"]) > 0 else "bad",
            text=_step(_number(row["net_revenue_change_to_date"]), board.currency))
        for row in pd.concat([losing, gaining]).iloc[::-1].to_dict("records")
    ] or [Bar("no change", 0.0)]  # fmt: skip
    words = f"Largest gain: {bars[0].name}, {bars[0].text}; largest loss: {bars[-1].name}, {bars[-1].text}."
    caption = (
        "Change of net revenue to date against the same days of last year; the customers that moved most."
    )
    return _rows(bars, MONEY, board.currency, words, caption)


def development_bridge(board: Board) -> Sketch:
    """Return how all revenue came from last year's to this year's, by what became of the customers."""
    frame = _of_year(board)
    first = float(frame["net_revenue_last_year"].sum())
    bars = _bridge(board, _steps(frame), (str(board.fiscal_year - 1), first), f"{board.fiscal_year} so far")
    words = f"Net revenue from {bars[0].text} in {board.fiscal_year - 1} to {bars[-1].text} so far: "
    words += ", ".join(f"{bar.name} {bar.text}" for bar in bars[1:-1]) + "."
    caption = "The parts add up to the whole change; the whole of last year against this year so far."
    return _columns(bars, MONEY, board.currency, words, caption, phone=1)


def customers_by_status(board: Board) -> Sketch:
    """Return how many customers each status has this year."""
    frame = _of_year(board)
    counts = frame[frame["qbo_customer_id"] != UNKNOWN]["status"].value_counts()
    bars = [
        Bar(status, float(counts[status]), colour=colour, text=f"{counts[status]:,}")
        for status, colour in STATUSES.items()
        if status in counts.index
    ] or [Bar("no customers", 0.0)]
    words = f"Customers of fiscal {board.fiscal_year} by what became of them: "
    words += ", ".join(f"{bar.text} {bar.name}" for bar in bars) + "."
    return _rows(bars, COUNT, board.currency, words)


def pipeline_months(board: Board) -> Sketch:
    """Return the weighted pipeline by the month in which the deals are to close."""
    frame = board.detail("open_pipeline")
    late = float(frame.loc[frame["is_late"].astype(bool), "weighted_amount"].sum())
    ahead = frame[~frame["is_late"].astype(bool)].dropna(subset="closes_on")
    sums = ahead.groupby(ahead["closes_on"].dt.to_period("M"))["weighted_amount"].sum()
    bars = [Bar("late", late, colour="bad", text=_money(late, board.currency))]
    for month in pd.period_range(board.as_of, max([*sums.index, pd.Period(board.as_of, "M")]), freq="M"):
        value = float(sums.get(month, 0.0))
        bars.append(Bar(f"{month:%b %y}", value, text=_money(value, board.currency)))
    words = f"Weighted open pipeline by closing month; {bars[0].text} is late. "
    words += ", ".join(f"{bar.name}: {bar.text}" for bar in bars[1:]) + "."
    return _columns(
        bars, MONEY, board.currency, words, "Late deals have passed their own closing date.", phone=2
    )


def pipeline_stages(board: Board) -> Sketch:
    """Return the weighted pipeline by stage."""
    frame = board.detail("open_pipeline")
    groups = frame.groupby("stage").agg(weighted=("weighted_amount", "sum"), deals=("deal_id", "count"))
    bars = [
        Bar(str(row["stage"]), _number(row["weighted"]),
            text=f"{_money(_number(row['weighted']), board.currency)}, {fmt.plural(row['deals'], 'deal')}")
        for row in groups.sort_values("weighted", ascending=False).reset_index().to_dict("records")
    ] or [Bar("no deals", 0.0)]  # fmt: skip
    words = "Weighted open pipeline by stage: " + "; ".join(f"{bar.name} {bar.text}" for bar in bars) + "."
    return _rows(bars, MONEY, board.currency, words)


def contracts(board: Board) -> Sketch:
    """Return the running contracts: how much is spent, against how much of the time is over."""
    frame = board.detail("Upfront_Contract_Spend_Query")
    running = frame[frame["is_active"].astype(bool)].sort_values("spent_pct")
    shown = running.head(_MOST_CONTRACTS)
    colours = {"behind": "bad", "on track": "good", "overspent": "amber", "spent": "good"}
    bars = [
        Bar(f"{row['company_name']}, {row['program']}", _number(row["spent_pct"]),
            colour=colours.get(str(row["status"]), "ly"),
            text=f"{fmt.percent(_number(row['spent_pct']), 0)}, {row['status']}",
            mark=None if pd.isna(row["elapsed_pct"]) else _number(row["elapsed_pct"]))
        for row in shown.dropna(subset="spent_pct").to_dict("records")
    ] or [Bar("no running contract", 0.0)]  # fmt: skip
    behind = int((running["status"] == "behind").sum())
    words = f"{fmt.plural(len(running), 'running contract')}, {behind} behind the time that is over."
    caption = "How much of each running contract is spent; the tick is how much of its time is over."
    if len(running) > len(shown):
        caption += f" The {len(shown)} with the least spent of {len(running)}."
    return _rows(bars, PERCENT, board.currency, words, caption)


def fulfilment_days(board: Board) -> Sketch:
    """Return how many contracts took how long, of those fulfilled this year."""
    frame = board.detail("Days_to_Fulfill_Contract_Program")
    days = frame.loc[frame["fulfilled_fiscal_year"] == board.fiscal_year, "days_between"].dropna()
    if days.empty:
        return _columns(
            [Bar("none", 0.0)], COUNT, board.currency, "No contract has been fulfilled this year."
        )
    width = 10 if days.max() <= 120 else 30
    middle, low, high = (float(days.quantile(share)) for share in (0.5, 0.25, 0.75))
    bars = []
    for start in range(0, int(days.max()) + 1, width):
        count = int(((days >= start) & (days < start + width)).sum())
        inside = start <= middle < start + width
        bars.append(Bar(f"{start}–{start + width - 1}", float(count), colour="acc" if inside else "ly",
                        text=f"{count}" if count else ""))  # fmt: skip
    words = (
        f"Days from first to last accepted offer of the {fmt.plural(len(days), 'contract')} fulfilled in"
        f" fiscal {board.fiscal_year}: median {middle:g}, half of them between {low:g} and {high:g},"
        f" longest {int(days.max())}."
    )
    caption = (
        f"{words} The mean, {days.mean():.1f}, follows the few that took long."
        " The darker column holds the median."
    )
    return _columns(bars, COUNT, board.currency, words, caption, phone=2)


def nps_months(board: Board) -> Sketch:
    """Return the net promoter score by month; a month without responses has no column."""
    frame = board.detail("organizer_recap_NPS_score")
    months = frame.groupby("month")[["month_nps", "month_responses"]].first().tail(13)
    unit_ = unit("number", 0)
    bars = []
    for month, row in months.iterrows():
        known = not pd.isna(row["month_nps"])
        value = float(row["month_nps"]) if known else 0.0
        text = fmt.fixed(value, 0) if known else "none"
        bars.append(
            Bar(f"{pd.Timestamp(str(month)):%b %y}", value, colour="acc" if value >= 0 else "bad", text=text)
        )
    bars = bars or [Bar("none", 0.0)]
    quiet = [bar.name for bar in bars if bar.text == "none"]
    words = "Net promoter score by month: " + ", ".join(f"{bar.name} {bar.text}" for bar in bars) + "."
    caption = f"No responses in {fmt.listed(quiet)}." if quiet else "Every month has responses."
    least = int(months["month_responses"].min()) if len(months) else 0
    return _columns(bars, unit_, board.currency, words, f"{caption} The fewest in a month: {least}.", phone=4)


def nps_groups(board: Board) -> Sketch:
    """Return promoters, passives and detractors of the year."""
    frame = board.detail("organizer_recap_NPS_score")
    year = frame[frame["fiscal_year"] == board.fiscal_year]
    total = int(year["response_id"].count())
    bars = []
    for name, column, colour in (
        ("Promoters (9, 10)", "promoter", "good"),
        ("Passives (7, 8)", "passive", "ly"),
        ("Detractors (0 to 6)", "detractor", "bad"),
    ):
        count = int(year[column].sum())
        share = f", {fmt.percent(count / total, 0)}" if total else ""
        bars.append(Bar(name, float(count), colour=colour, text=f"{count:,}{share}"))
    words = f"{fmt.plural(total, 'response')} in fiscal {board.fiscal_year}: "
    words += ", ".join(f"{bar.name} {bar.text}" for bar in bars) + "."
    return _rows(bars, COUNT, board.currency, words)


def inventory_months(board: Board) -> Sketch:
    """Return listings that went live, by month of this and the last fiscal year."""
    frame = board.detail("new_inventory")
    counts = frame.groupby(frame["listed_on"].dt.to_period("M")).size()
    first = pd.Period(dt.date(board.year_start.year - 1, board.year_start.month, 1), "M")
    bars = [
        Bar(f"{month:%b}" if month.start_time.date() >= board.year_start else f"{month:%b %y}",
            float(counts.get(month, 0)),
            colour="acc" if month.start_time.date() >= board.year_start else "lly",
            text=str(int(counts.get(month, 0))))
        for month in pd.period_range(first, pd.Period(board.as_of, "M"), freq="M")
    ]  # fmt: skip
    so_far = int((frame["fiscal_year"] == board.fiscal_year).sum())
    words = f"Listings that went live by month; {so_far:,} in fiscal {board.fiscal_year} so far."
    return _columns(
        bars, COUNT, board.currency, words, f"The paler columns are fiscal {board.fiscal_year - 1}.", phone=4
    )


def trend(board: Board) -> Sketch:
    """Return the first metric of a board at the ends of the months, and now."""
    item = board.leading[0]
    points = [(day, value) for day, value in item.trend[-13:] if value is not None] or [(board.as_of, 0.0)]
    bars = [
        Bar(f"{day:%b %y}" if day != board.as_of else fmt.day(day, year=False), value,
            colour="acc" if day == board.as_of else "ly", text=fmt.humanised(value, item.kpi, board.currency))
        for day, value in points
    ]  # fmt: skip
    words = f"{item.metric.label} at the end of each month: "
    words += ", ".join(f"{bar.name} {bar.text}" for bar in bars) + "."
    caption = "At the end of each month, worked out from today’s sources."
    if item.metric.phased:
        caption += " It starts again at zero with the fiscal year."
    return _columns(bars, item.kpi, board.currency, words, caption, phone=4)


KINDS: dict[str, tuple[str, Callable[[Board], Sketch]]] = {
    "revenue_months": ("Month by month", revenue_months),
    "accounts": ("By account", accounts),
    "retention_bridge": ("From last year to this one", retention_bridge),
    "customer_changes": ("Who gained, who lost", customer_changes),
    "development_bridge": ("What made the change", development_bridge),
    "customers_by_status": ("How many customers", customers_by_status),
    "pipeline_months": ("When it is to close", pipeline_months),
    "pipeline_stages": ("At which stage", pipeline_stages),
    "contracts": ("Spent against time", contracts),
    "fulfilment_days": ("How long it took", fulfilment_days),
    "nps_months": ("Month by month", nps_months),
    "nps_groups": ("Who would recommend", nps_groups),
    "inventory_months": ("Month by month", inventory_months),
    "trend": ("The last twelve months", trend),
}
