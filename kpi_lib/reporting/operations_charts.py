"""The charts of pipeline, contracts, fulfilment, organizers and inventory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.bars import Bar
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.chart_parts import (
    COUNT,
    MONEY,
    columns_of,
    money_of,
    month_over,
    number_of,
    rows_of,
    so_far,
    unit,
)
from kpi_lib.reporting.plotting import Sketch

_MOST_CONTRACTS = 20
_WEIGHTED = "the owner’s forecast where there is one, else the amount times the probability of its stage"


def pipeline_months(board: Board) -> Sketch:
    """Return the weighted pipeline by the month in which the deals are to close."""
    frame = board.detail("open_pipeline")
    late = float(frame.loc[frame["is_late"].astype(bool), "weighted_amount"].sum())
    ahead = frame[~frame["is_late"].astype(bool)].dropna(subset="closes_on")
    sums = ahead.groupby(ahead["closes_on"].dt.to_period("M"))["weighted_amount"].sum()
    bars = [Bar("late", late, colour="bad", text=money_of(late, board.currency))]
    for month in pd.period_range(board.as_of, max([*sums.index, pd.Period(board.as_of, "M")]), freq="M"):
        value = float(sums.get(month, 0.0))
        bars.append(Bar(f"{month:%b %y}", value, text=money_of(value, board.currency)))
    words = f"Weighted open pipeline by closing month; {bars[0].text} is late. "
    words += ", ".join(f"{bar.name}: {bar.text}" for bar in bars[1:]) + "."
    return columns_of(
        bars, MONEY, board.currency, words, "Late deals have passed their own closing date.", phone=2
    )


def pipeline_stages(board: Board) -> Sketch:
    """Return the funnel of the open deals: each stage from the least to the most likely to be won."""
    frame = board.detail("open_pipeline")
    groups = frame.groupby("stage").agg(
        likely=("probability", "median"), weighted=("weighted_amount", "sum"),
        amount=("amount", "sum"), deals=("deal_id", "count"),
    )  # fmt: skip
    bars = []
    for row in groups.sort_values("likely").reset_index().to_dict("records"):
        weighted, amount = (money_of(number_of(row[name]), board.currency) for name in ("weighted", "amount"))
        deals = fmt.plural(int(number_of(row["deals"])), "deal")
        bars.append(
            Bar(str(row["stage"]), number_of(row["weighted"]), text=f"{weighted}, {deals}",
                mark=number_of(row["amount"]),
                said=(deals, f"{amount} in all", f"{weighted} weighted"))
        )  # fmt: skip
    bars = bars or [Bar("no deals", 0.0)]
    words = "Open deals by stage, the least likely first, with their weighted amount"
    words += f" ({_WEIGHTED}): "
    words += "; ".join(f"{bar.name} {bar.text}" for bar in bars) + "."
    caption = f"Bars: {_WEIGHTED}. Ticks: the whole amount of the deals."
    return rows_of(bars, words, caption)


def contracts(board: Board) -> Sketch:
    """Return the running contracts: how much is spent, against how much of the time is over."""
    frame = board.detail("Upfront_Contract_Spend_Query")
    running = frame[frame["is_active"].astype(bool)].sort_values("spent_pct")
    shown = running.head(_MOST_CONTRACTS)
    colours = {"behind": "bad", "on track": "good", "overspent": "amber", "spent": "good"}
    bars = [
        Bar(f"{row['company_name']}, {row['program']}", number_of(row["spent_pct"]),
            colour=colours.get(str(row["status"]), "ly"),
            text=f"{fmt.percent(number_of(row['spent_pct']), 0)}, {row['status']}",
            mark=None if pd.isna(row["elapsed_pct"]) else number_of(row["elapsed_pct"]),
            said=_spent(row))
        for row in shown.dropna(subset="spent_pct").to_dict("records")
    ] or [Bar("no running contract", 0.0)]  # fmt: skip
    behind = int((running["status"] == "behind").sum())
    words = f"{fmt.plural(len(running), 'running contract')}, {behind} behind the time that is over."
    caption = "How much of each running contract is spent; the tick is how much of its time is over."
    if len(running) > len(shown):
        caption += f" The {len(shown)} with the least spent of {len(running)}."
    return rows_of(bars, words, caption)


def _spent(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    spent = f"{fmt.percent(number_of(row['spent_pct']))} spent, {row['status']}"
    over = row["elapsed_pct"]
    return (spent,) if pd.isna(over) else (spent, f"{fmt.percent(number_of(over))} of the time is over")


def fulfilment_days(board: Board) -> Sketch:
    """Return how many contracts took how long, of those fulfilled this year."""
    frame = board.detail("Days_to_Fulfill_Contract_Program")
    days = frame.loc[frame["fulfilled_fiscal_year"] == board.fiscal_year, "days_between"].dropna()
    if days.empty:
        return columns_of(
            [Bar("none", 0.0)], COUNT, board.currency, "No contract has been fulfilled this year."
        )
    width = 10 if days.max() <= 120 else 30
    middle, low, high = (float(days.quantile(share)) for share in (0.5, 0.25, 0.75))
    bars = []
    for start in range(0, int(days.max()) + 1, width):
        count = int(((days >= start) & (days < start + width)).sum())
        inside = start <= middle < start + width
        bars.append(Bar(f"{start}–{start + width - 1}", float(count), colour="acc" if inside else "ly",
                        text=f"{count}" if count else "",
                        said=(f"{fmt.plural(count, 'contract')} in {start} to {start + width - 1} days",))
        )  # fmt: skip
    words = (
        f"Days from first to last accepted offer of the {fmt.plural(len(days), 'contract')} fulfilled in"
        f" fiscal {board.fiscal_year}: median {middle:g}, half of them between {low:g} and {high:g},"
        f" longest {int(days.max())}."
    )
    caption = (
        f"{words} The mean, {days.mean():.1f}, follows the few that took long."
        " The darker column holds the median."
    )
    unit_ = "contracts, by days from the first to the last accepted offer"
    return columns_of(bars, COUNT, board.currency, words, caption, phone=2, unit=unit_)


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
        running = pd.Period(str(month), "M") == pd.Period(board.as_of, "M") and not month_over(board.as_of)
        responses = fmt.plural(int(row["month_responses"]), "response")
        said = (text, responses, *([so_far(board.as_of)] if running else []))
        bars.append(
            Bar(f"{pd.Timestamp(str(month)):%b %y}", value, colour="acc" if value >= 0 else "bad", text=text,
                said=said, open=running)
        )  # fmt: skip
    bars = bars or [Bar("none", 0.0)]
    quiet = [bar.name for bar in bars if bar.text == "none"]
    words = "Net promoter score by month: " + ", ".join(f"{bar.name} {bar.text}" for bar in bars) + "."
    caption = f"No responses in {fmt.listed(quiet)}." if quiet else "Every month has responses."
    least = int(months["month_responses"].min()) if len(months) else 0
    if any(bar.open for bar in bars):
        caption += f" {board.as_of:%B} is open, its column dashed: {so_far(board.as_of)}."
    return columns_of(
        bars, unit_, board.currency, words, f"{caption} The fewest in a month: {least}.", phone=4,
        unit="net promoter score",
    )  # fmt: skip


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
    return rows_of(bars, words)


def nps_scores(board: Board) -> Sketch:
    """Return how many responses of the year gave each score from 0 to 10."""
    frame = board.detail("organizer_recap_NPS_score")
    scores = frame.loc[frame["fiscal_year"] == board.fiscal_year, "score"].dropna()
    bars = []
    for score in range(11):
        count = int((scores == score).sum())
        colour = "good" if score >= 9 else "ly" if score >= 7 else "bad"
        said = (fmt.plural(count, "response"),)
        bars.append(Bar(str(score), float(count), 0.0, colour, f"{count:,}" if count else "", said=said))
    most = max(bars, key=lambda bar: bar.end)
    words = f"Responses of fiscal {board.fiscal_year} by score from 0 to 10; {len(scores):,} in all"
    words += f", most often {most.name} ({fmt.plural(int(most.end), 'response')})." if len(scores) else "."
    caption = "Detractors give 0 to 6, passives 7 or 8, promoters 9 or 10."
    return columns_of(bars, COUNT, board.currency, words, caption, phone=1, unit="responses, by score")


def inventory_months(board: Board) -> Sketch:
    """Return listings that went live, by month of this and the last fiscal year."""
    frame = board.detail("new_inventory")
    counts = frame.groupby(frame["listed_on"].dt.to_period("M")).size()
    first = pd.Period(dt.date(board.year_start.year - 1, board.year_start.month, 1), "M")
    bars = [
        Bar(f"{month:%b}" if month.start_time.date() >= board.year_start else f"{month:%b %y}",
            float(counts.get(month, 0)),
            colour="acc" if month.start_time.date() >= board.year_start else "lly",
            text=str(int(counts.get(month, 0))),
            open=month == pd.Period(board.as_of, "M") and not month_over(board.as_of))
        for month in pd.period_range(first, pd.Period(board.as_of, "M"), freq="M")
    ]  # fmt: skip
    live = int((frame["fiscal_year"] == board.fiscal_year).sum())
    words = f"Listings that went live by month; {live:,} in fiscal {board.fiscal_year} so far."
    caption = f"The paler columns are fiscal {board.fiscal_year - 1}."
    if not month_over(board.as_of):
        caption += f" {board.as_of:%B} is open, its column dashed: {so_far(board.as_of)}."
    return columns_of(bars, COUNT, board.currency, words, caption, phone=4, unit="listings")
