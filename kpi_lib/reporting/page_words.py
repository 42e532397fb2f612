"""The sentence above each drill-down and what stands under it, from the rows that the page shows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from kpi_lib.catalogue.scorecard import Metric
from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.board_cards import change_of
from kpi_lib.reporting.board_words import reach, stands
from kpi_lib.reporting.brief_board_words import credited
from kpi_lib.reporting.chart_parts import MONEY, UNKNOWN
from kpi_lib.reporting.markup import Prose, Run, muted, strong
from kpi_lib.reporting.status import expected_words, look


def metrics_of(board: Board, page: str) -> list[Metric]:
    """Return the metrics that a page explains: the company's, else those that people answer for, unnamed."""
    company = [item.metric for item in board.of_page(page)]
    personal = [metric for metric in board.scorecard.metrics if metric.page == page and metric.personal]
    return company or personal


def headline(board: Board, page: str) -> str:
    """Return the sentence that answers the question of a drill-down page."""
    return _SAID[page](board) if page in _SAID else _first(board, page)


def lede(board: Board, page: str) -> Prose:
    """Return the dates, and how each of the page's metrics stands."""
    runs: list[str | Run] = [reach(board, metrics_of(board, page))]
    for item in board.of_page(page):
        value = fmt.humanised(item.value, item.kpi, board.currency)
        change = change_of(item)
        runs += [f" {item.metric.label}: ", strong(value)]
        if basis := board.basis(item):
            runs.append(muted(f" ({basis})"))
        if item.value is None:
            runs.append(f" ({item.why_missing.rstrip('.')})")
        elif change.known and item.prior_day:
            how = f"{change.arrow} {change.text}" if change.arrow != fmt.LEVEL else "no change"
            runs.append(muted(f", {how} against {fmt.day(item.prior_day)}"))
        if item.pace is not None:
            shown = look(item.pace)
            words = expected_words(item.pace, item.kpi, board.currency)
            runs.append(muted(f". {shown.icon} {shown.word}: {words}"))
        runs.append(".")
    if page == "customers" and (noted := credited(board)):
        runs.append(f" {noted}")
    return Prose.of(*runs)


def _first(board: Board, page: str) -> str:
    items = board.of_page(page)
    if not items:
        return next(report.title for report in board.catalogue.reports if report.name == page)
    return stands(board, items[0])


def _cohorts(board: Board) -> str:
    frame = board.detail("cohort_retention_matrix_by_customer")
    old = frame[
        (frame["fiscal_year"] == board.fiscal_year) & (frame["age_years"] > 0) & frame["cohort_year"].notna()
    ]
    if old.empty:
        return "There is no cohort of an earlier year yet"
    kept = int(old["has_revenue"].sum())
    return f"{kept} of {len(old)} customers of earlier years have revenue in {board.fiscal_year}"


def _customers(board: Board) -> str:
    frame = board.detail("customer_development")
    rows = frame[(frame["fiscal_year"] == board.fiscal_year) & (frame["qbo_customer_id"] != UNKNOWN)]
    counts = rows["status_to_date"].value_counts()
    said = [
        f"{int(counts[status])} {word}"
        for status, word in (
            ("new", "new"),
            ("reactivated", "back"),
            ("churned", "without net revenue"),
            ("contracted", "smaller"),
        )
        if status in counts.index
    ]
    active = int((rows["net_revenue"] > 0).sum())
    have = f"{fmt.plural(active, 'customer')} by {board.as_of.day} {board.as_of:%B %Y}"
    return have + (f"; against the same days of last year {fmt.listed(said, most=4)}" if said else "")


def _contracts(board: Board) -> str:
    frame = board.detail("Upfront_Contract_Spend_Query")
    running = frame[frame["is_active"].astype(bool)]
    value = float(running["contract_value"].sum())
    if not value:
        return "No contract is running"
    spent = float(running["spent"].sum())
    behind = int((running["status"] == "behind").sum())
    amounts = [fmt.humanised(amount, MONEY, board.currency) for amount in (spent, value)]
    return (
        f"{fmt.percent(spent / value)} of the running contracts is spent, {amounts[0]} of {amounts[1]};"
        f" {behind} of {len(running)} {'is' if behind == 1 else 'are'} behind"
    )


def _days(board: Board) -> str:
    frame = board.detail("Days_to_Fulfill_Contract_Program")
    days = frame.loc[frame["fulfilled_fiscal_year"] == board.fiscal_year, "days_between"].dropna()
    if days.empty:
        return f"No contract has been fulfilled in {board.fiscal_year} yet"
    median = float(days.median())
    if len(days) == 1:
        return f"The one contract fulfilled in {board.fiscal_year} took {fmt.plural(int(median), 'day')}"
    return f"Half of the {len(days)} contracts fulfilled in {board.fiscal_year} took {median:g} days or less"


def _nps(board: Board) -> str:
    frame = board.detail("organizer_recap_NPS_score")
    year = frame[frame["fiscal_year"] == board.fiscal_year]
    count = int(year["response_id"].count())
    if not count:
        return f"No organizer has answered in {board.fiscal_year} yet"
    score = 100 * (float(year["promoter"].sum()) - float(year["detractor"].sum())) / count
    return f"Organizers’ net promoter score is {fmt.fixed(score, 1)} from {fmt.plural(count, 'response')}"


def _inventory(board: Board) -> str:
    frame = board.detail("new_inventory")
    now = int((frame["fiscal_year"] == board.fiscal_year).sum())
    day = pd.Timestamp(board.as_of) - pd.DateOffset(years=1)
    then = int(((frame["fiscal_year"] == board.fiscal_year - 1) & (frame["listed_on"] <= day)).sum())
    return f"{fmt.plural(now, 'listing')} went live this year, {then:,} by the same date last year"


_SAID: dict[str, Callable[[Board], str]] = {
    "cohorts": _cohorts,
    "customers": _customers,
    "contract_spend": _contracts,
    "days_to_fulfill": _days,
    "organizer_nps": _nps,
    "inventory": _inventory,
}
