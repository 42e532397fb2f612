"""The cohort matrix: a row for each year of new customers, a column for each year since, darker for more."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting import live
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.chart_parts import MONEY, UNKNOWN, number_of
from kpi_lib.reporting.live import Reading
from kpi_lib.reporting.plotting import Data, Sketch, Spec, channels, filled, template
from kpi_lib.reporting.theme import tokens

#: Shares from which the next darker shade begins.
STEPS = (0.5, 0.7, 0.8, 0.9)
ROW, TOP = 34, 26


@dataclass(frozen=True)
class Square:
    """One cohort in one year: how many of its customers and how much of its first revenue are there."""

    cohort: int
    age: int
    customers: int
    size: int
    revenue: float
    first: float
    whole: bool

    @property
    def share(self) -> float:
        """The share of customers with revenue in that year."""
        return self.customers / self.size

    @property
    def shade(self) -> int:
        """The shade of the share, 0 to 4."""
        return sum(self.share >= step for step in STEPS)


def squares(board: Board) -> list[Square]:
    """Return the cells of the matrix, oldest cohort first."""
    frame = board.detail("cohort_retention_matrix_by_customer")
    frame = frame[frame["cohort_year"].notna() & (frame["qbo_customer_id"] != UNKNOWN)]
    sums = frame.groupby(["cohort_year", "age_years"]).agg(
        customers=("has_revenue", "sum"), size=("qbo_customer_id", "count"), revenue=("net_revenue", "sum"),
        first=("cohort_net_revenue", "sum"), whole=("is_whole_year", "all"),
    )  # fmt: skip
    return [
        Square(
            int(number_of(row["cohort_year"])), int(number_of(row["age_years"])),
            int(number_of(row["customers"])), int(number_of(row["size"])),
            number_of(row["revenue"]), number_of(row["first"]), bool(row["whole"]),
        )
        for row in sums.sort_index().reset_index().to_dict("records")
    ]  # fmt: skip


def cohort_matrix(board: Board) -> Sketch:
    """Return which share of each cohort's customers had revenue in each year since its first."""
    found = squares(board)
    later = [square for square in found if square.age]
    words = "Share of each cohort’s customers with revenue, by years since the first."
    if later:
        least, most = (pick(later, key=lambda square: square.share) for pick in (min, max))
        words += f" Lowest: {_told(least)}; highest: {_told(most)}."
    caption = (
        "Read across: how many of a year’s new customers still had revenue one, two and more years later."
    )
    if any(not square.whole for square in found):
        caption += f" Outlined: fiscal {board.fiscal_year}, which is not over."
    wide, narrow = (_spec(board, found, width) for width in (1132, 358))
    return Sketch(wide, narrow, words, caption, _spec(board, found, 660))


def _told(square: Square) -> str:
    years = fmt.plural(square.age, "year")
    share = fmt.percent(square.share, 0)
    return f"{share} of {square.cohort} after {years} ({square.customers} of {square.size})"


def _spec(board: Board, found: list[Square], width: int) -> Spec:
    cohorts = sorted({square.cohort for square in found})
    ages = sorted({square.age for square in found})
    narrow = width < 500
    rows = []
    for reading, square in zip(live.rows_of([_reading(board, item) for item in found]), found, strict=True):
        text = fmt.percent(square.share, 0)
        text = text if narrow else f"{text}, {square.customers} of {square.size}"
        ink = {2: "onheat2", 3: "onheat3", 4: "onheat3"}.get(square.shade, "ink")
        edge = 0 if square.whole else 1.6
        rows.append({**reading, "x": str(square.age), "y": str(square.cohort), "text": text, "w": edge,
                     "c": tokens()[f"heat{square.shade}"], "k": tokens()[ink]})  # fmt: skip
    data: Data = {
        live.READINGS: rows,
        "cohorts": [{"y": str(cohort), "text": str(cohort), "c": tokens()["ink"]} for cohort in cohorts],
        "ages": [{"x": str(age), "text": _age(age, narrow), "c": tokens()["mut"]} for age in ages],
    }
    spec = filled(_matrix(), data, width, ROW * max(len(cohorts), 1) + TOP + 4, left=46, top=TOP, bottom=4)
    for channel, domain in (("x", ages), ("y", cohorts)):
        for encoding in channels(spec, channel):
            encoding["scale"]["domain"] = [str(value) for value in domain]
    return spec


def _age(age: int, narrow: bool) -> str:
    if narrow:
        return f"+{age}"
    return "first year" if age == 0 else f"+{fmt.plural(age, 'year')}"


def _reading(board: Board, square: Square) -> Reading:
    held = f"{square.customers} of {fmt.plural(square.size, 'customer')}, {fmt.percent(square.share)}"
    money = fmt.exact(square.revenue, MONEY, board.currency)
    if square.first > 0 and square.age:
        money += f", {fmt.percent(square.revenue / square.first)} of the first year"
    title = f"Cohort of {square.cohort}, fiscal {square.cohort + square.age}"
    return Reading(title, (held, money, *([] if square.whole else ["year to date"])))


@functools.cache
def _matrix() -> Spec:
    import altair as alt

    close = {"paddingInner": 0.06, "paddingOuter": 0}
    x = alt.X("x:O", scale=alt.Scale(**close), axis=None)
    y = alt.Y("y:O", scale=alt.Scale(**close), axis=None)
    fill, ink = alt.Fill("c:N", scale=None), alt.Color("c:N", scale=None)
    text = {"fontSize": 12, "baseline": "middle"}
    days = alt.Chart(alt.NamedData(live.READINGS))
    pointed = alt.condition(f"datum.i === {live.AT}", alt.value(1), alt.value(0))
    style = {"fillOpacity": 0, "stroke": tokens()["ink"], "strokeWidth": 2}
    hits = live.live_chart("rect", live.READINGS, "hits", **style).encode(x=x, y=y, strokeOpacity=pointed)
    return template(
        alt.layer(
            days.mark_rect(stroke=tokens()["ink"], strokeDash=[3, 3]).encode(
                x=x, y=y, fill=fill, strokeWidth=alt.StrokeWidth("w:Q", scale=None)
            ),
            days.mark_text(**text).encode(x=x, y=y, text="text:N", color=alt.Color("k:N", scale=None)),
            alt.Chart(alt.NamedData("cohorts"))
            .mark_text(align="right", dx=-8, **text)
            .encode(x=alt.value(0), y=y, text="text:N", color=ink),
            alt.Chart(alt.NamedData("ages"))
            .mark_text(dy=-12, **text)
            .encode(x=x, y=alt.value(0), text="text:N", color=ink),
            hits,
        ).add_params(live.pointing())
    )
