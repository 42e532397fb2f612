"""The page of restatements: which published figures changed since, by how much, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.cells import small_cents
from kpi_lib.reporting.grid import Cell, Column, Grid, Row
from kpi_lib.reporting.markup import Prose, Run, element, muted, strong, text_html, text_markdown
from kpi_lib.reporting.piece import Piece, section
from kpi_lib.reporting.pieces import grid_piece, headline_piece, with_heading
from kpi_lib.reporting.restated_data import (
    WORKED_OUT_AGAIN,
    RestatedData,
    RestatedReader,
    Restatement,
    load_changes,
    reason_words,
)
from kpi_lib.reporting.sheet import Sheet

__all__ = ["RestatedPage", "RestatedReader", "load_restated"]
#: So many rows of a cause are shown; the sentence above them counts all.
MOST_ROWS = 120
CAUSES: Mapping[str, tuple[str, str, str]] = {
    "late_data": ("Late data", "late data", "Rows arrived for days that had been published already."),
    "correction": ("Corrections", "a correction", "Rows that were there already changed at the source."),
    "definition": (
        "Changed definitions",
        "a changed definition",
        "The rows are the same; what the figure means, or how it is worked out, changed.",
    ),
    WORKED_OUT_AGAIN: (
        "Worked out again",
        "later sources",
        "The same date was worked out again from later sources. A scorecard’s history does not tell late"
        " data from a correction.",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class RestatedPage(Sheet):
    """The page of a domain's restatements."""

    data: RestatedData

    @property
    def about(self) -> str:
        """What this is, in a few words."""
        return f"{self.data.catalogue.title}, restatements, as of {fmt.day(self.data.as_of)}"

    def headline(self) -> Piece:
        """Return whether anything that was published has changed, and what changed most."""
        return headline_piece(_sentence(self.data), _lede(self.data), "Restatements")

    @property
    def tables(self) -> Mapping[str, Callable[[], Piece]]:
        """``changes``: what changed, grouped by cause."""
        return {"changes": lambda: changes_piece(self.data)}


def load_restated(wh: RestatedReader, as_of: dt.date | str | None = None) -> RestatedPage:
    """Read the page of restatements from an open warehouse."""
    return RestatedPage(load_changes(wh, as_of))


def _sentence(data: RestatedData) -> str:
    if not data.changes and not data.catalogue.kpis:
        return f"No scorecard that was worked out again since {data.date(data.since)} says another thing"
    if not data.changes:
        return f"Nothing that was published has changed since {data.date(data.since)}"
    if not data.newest:
        count = fmt.plural(len(data.changes), "published figure")
        return f"Nothing changed with the newest publication; {count} did since {data.date(data.since)}"
    return f"{fmt.plural(len(data.newest), 'published figure')} changed with the newest publication"


def _lede(data: RestatedData) -> Prose:
    times = fmt.plural(data.publications, "publication")
    kept = f"{times} so far, the newest on {data.date(data.published_at)}."
    if not data.changes:
        first = (
            " It is the first one, so there is nothing yet to hold it against."
            if data.publications == 1
            else ""
        )
        return Prose.of(kept, first)
    runs: list[str | Run] = []
    top = largest(data.newest or data.changes)
    if top is not None:
        runs = [
            f"The largest: {top.kpi.title}, {top.what.lower()} as of {fmt.day(top.as_of)}, was ",
            fmt.amount(top.old, top.kpi, data.catalogue.currency),
            " and is now ",
            strong(fmt.amount(top.new, top.kpi, data.catalogue.currency)),
            f", by {CAUSES[top.cause][1]}. ",
        ]
    return Prose.of(*runs, muted(kept))


def largest(changes: Sequence[Restatement]) -> Restatement | None:
    """Return the change that is largest against what was published, of the newest day that has it."""
    sized = [item for item in changes if item.difference and item.old]
    if not sized:
        return None
    return max(sized, key=lambda item: (abs((item.difference or 0.0) / (item.old or 1.0)), item.as_of))


def changes_piece(data: RestatedData) -> Piece:
    """Return the changes, one section a cause; nothing where there are none."""
    if not data.changes:
        words = f"No figure that was published since {data.date(data.since)} has another value today."
        if not data.catalogue.kpis:
            words = (
                "A night works out the scorecard of its own day; those of earlier days stay as they were "
                "published until `kpi backfill` works them out again."
            )
        return Piece(
            html=section("changes", "What changed", element("p", text_html(words))),
            markdown=with_heading("What changed", text_markdown(words)),
            plain=f"What changed\n{words}",
        )
    order = [*CAUSES, *sorted({item.cause for item in data.changes} - set(CAUSES))]
    parts = [
        _cause_piece(data, cause, found)
        for cause in order
        if (found := [item for item in data.changes if item.cause == cause])
    ]
    return Piece(
        html="".join(part.html for part in parts),
        markdown="\n\n".join(part.markdown for part in parts),
        plain="\n\n".join(part.plain for part in parts),
    )


def _cause_piece(data: RestatedData, cause: str, found: Sequence[Restatement]) -> Piece:
    heading, _, says = CAUSES.get(cause, (cause.replace("_", " ").capitalize(), cause, ""))
    groups = grouped(found)
    days = len({item.as_of for item in found})
    count = f"{fmt.plural(len(found), 'figure')} in reports of {fmt.plural(days, 'day')}."
    if len(groups) > MOST_ROWS:
        count += f" The first {MOST_ROWS} rows of {len(groups):,}; `kpi restatements` lists every one."
    note = f"{says} {count}".strip()
    rows = tuple(_row(data, members) for members in groups[:MOST_ROWS])
    grid = Grid(heading, _COLUMNS, rows, "plain")
    name = f"cause-{cause.replace('_', '-')}"
    piece = grid_piece(grid, name, heading)
    return Piece(
        section(
            name,
            text_html(heading),
            element("p", text_html(note), attributes={"class": "foot-note"}),
            grid.html,
        ),
        piece.markdown,
        f"{heading}\n{note}\n{grid.plain}",
    )


_COLUMNS = (
    Column("Figure", number=False, classes="wrap"), Column("Report of", number=False),
    Column("Was"), Column("Is now"), Column("Difference"), Column("Since", number=False),
)  # fmt: skip


def grouped(found: Sequence[Restatement]) -> list[list[Restatement]]:
    """Return the changes of one figure with one publication together, the newest report first.

    One late row changes the reports of every day since: they are one thing to read.
    """
    groups: dict[tuple[dt.datetime, int, str], list[Restatement]] = {}
    for item in found:
        groups.setdefault((item.published_at, item.kpi.id, item.kpi.code + item.what), []).append(item)
    return [sorted(members, key=lambda item: item.as_of, reverse=True) for members in groups.values()]


def _row(data: RestatedData, members: Sequence[Restatement]) -> Row:
    item, currency = members[0], data.catalogue.currency
    more = f"and {fmt.plural(len(members) - 1, 'earlier report')}" if len(members) > 1 else ""
    small = f"<small>{text_html(more)}</small>" if more else ""
    return Row(
        (
            Cell(
                f"{item.kpi.title}, {item.what.lower()}",
                html=f"{text_html(item.kpi.title)}<small>{text_html(item.what)}</small>",
            ),
            Cell(fmt.day(item.as_of), html=f"{fmt.day(item.as_of)}{small}", spoken="" if small else more),
            _value(item.old, item.old_reason, item, currency),
            _value(item.new, item.new_reason, item, currency),
            _difference(item, currency),
            Cell(data.date(item.published_at)),
        )
    )


def _value(value: float | None, reason: str, item: Restatement, currency: str) -> Cell:
    why = reason_words(reason) if reason else ""
    text = fmt.exact(value, item.kpi, currency)
    if value is None:
        why = why or "no value"
        return Cell(text, title=why, html=f"{fmt.DASH}<small>{text_html(why)}</small>")
    return Cell(text, title=why, mark="†" if why else "", spoken=why, cents=small_cents(item.kpi))


def _difference(item: Restatement, currency: str) -> Cell:
    step = item.difference
    if step is None:
        return Cell(fmt.DASH, spoken="none: one of the values is missing")
    if item.kpi.format == "percent":
        return Cell(fmt.signed(step, item.kpi, currency))
    text = fmt.exact(step, item.kpi, currency)
    return Cell(f"+{text}" if step > 0 else text, cents=small_cents(item.kpi))
