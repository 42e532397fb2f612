"""Tables as data, written as HTML for pages and as Typst for PDF: one content, two forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kpi_lib.reporting.format import LEVEL, Change
from kpi_lib.reporting.markup import breakable, hidden, text_html, text_typst
from kpi_lib.reporting.theme import tokens

#: A printed table with more columns is set smaller and shows amounts in whole units.
CROWDED = 7
_CENTS = re.compile(r"(\.\d\d)$")


@dataclass(frozen=True)
class Column:
    """A column's heading.

    ``small`` is the line under it, ``title`` what hovering says; a ``quiet`` one is only heard,
    one that is not ``printed`` is left out of PDF.
    """

    head: str
    small: str = ""
    title: str = ""
    number: bool = True
    classes: str = ""
    printed: bool = True
    quiet: bool = False


@dataclass(frozen=True)
class Cell:
    """A table cell.

    Parameters
    ----------
    text
        What it says.
    title, spoken
        What hovering says, and what a screen reader adds.
    cents
        Writes the two decimals of an amount smaller, so that the whole units stand out.
    change
        Draws the text as a change: arrow and colour.
    mark
        A sign after the text that something is to be known.
    href
        Makes the text a link.
    brief
        What a crowded printed table says instead.
    html, typst
        Take the place of the text in that form: a sparkline, a bar.
    """

    text: str
    title: str = ""
    spoken: str = ""
    cents: bool = False
    brief: str = ""
    change: Change | None = None
    mark: str = ""
    href: str = ""
    html: str = ""
    typst: str = ""


@dataclass(frozen=True)
class Row:
    """A table row; the first cell is its heading."""

    cells: tuple[Cell, ...]
    total: bool = False


@dataclass(frozen=True)
class Grid:
    """A table; a ``dense`` one has lower rows on paper."""

    label: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    classes: str = "plain"
    widths: tuple[str, ...] = field(default=())
    dense: bool = False

    @property
    def html(self) -> str:
        """The table in a region that scrolls by itself and can be reached by keyboard."""
        heads = "".join(_head_html(column) for column in self.columns)
        rows = "".join(self._row_html(row) for row in self.rows)
        silent = ' class="quiet"' if all(column.quiet for column in self.columns) else ""
        head = f"<thead{silent}><tr>{heads}</tr></thead>"
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{text_html(self.label)}, table">'
            f'<table class="{self.classes}">{head}<tbody>{rows}</tbody></table></div>'
        )

    @property
    def typst(self) -> str:
        """The table as Typst code; its heading repeats on every page."""
        kept = [number for number, column in enumerate(self.columns) if column.printed]
        columns = [self.columns[number] for number in kept]
        widths = self.widths or ("1fr", *("auto" for _ in columns[1:]))
        align = ", ".join("right" if column.number else "left" for column in columns)
        crowded = len(columns) > CROWDED
        size = "7pt" if crowded else "8.5pt"
        lines = [
            f'#[#show table: set text(size: {size}, number-width: "tabular")',
            "#set par(leading: 0.45em, justify: false)",
            f"#table(columns: ({', '.join(widths)},), align: ({align},), stroke: none,",
            f"  inset: (x: {'2.2pt' if crowded else '3pt'}, y: {'3pt' if self.dense else '3.6pt'}),",
        ]
        heads = ", ".join(_head_typst(column) for column in columns)
        lines.append(f'  table.header({heads}, table.hline(stroke: 0.8pt + rgb("{tokens()["ink"]}"))),')
        rule = f'  table.hline(stroke: 0.4pt + rgb("{tokens()["hair"]}")),'
        for row in self.rows:
            cells = [_cell_typst(row.cells[number], row.total, crowded) for number in kept]
            lines.append("  " + " ".join(f"{cell}," for cell in cells))
            lines.append(rule)
        return "\n".join([*lines, ")]"])

    @property
    def plain(self) -> str:
        """The table as aligned text."""
        shown = [number for number, column in enumerate(self.columns) if column.printed]
        lines = [[self.columns[number].head for number in shown]]
        lines += [[_plain(row.cells[number]) for number in shown] for row in self.rows]
        return aligned(lines, [self.columns[number].number for number in shown])

    def _row_html(self, row: Row) -> str:
        cells = "".join(
            _cell_html(cell, column, first=number == 0)
            for number, (cell, column) in enumerate(zip(row.cells, self.columns, strict=True))
        )
        return f'<tr class="total">{cells}</tr>' if row.total else f"<tr>{cells}</tr>"


def aligned(lines: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Return rows of text in columns."""
    if not lines:
        return ""
    widths = [max(len(line[number]) for line in lines) for number in range(len(right))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if flush else text.ljust(width)
            for text, width, flush in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def change_html(change: Change) -> str:
    """Return a change with its arrow and colour; the words are there for screen readers."""
    if not change.known:
        why = text_html(change.words)
        spoken = hidden(f"none: {change.words}")
        return f'<span class="d none" title="{why}"><span aria-hidden="true">–</span>{spoken}</span>'
    arrow = "" if change.arrow == LEVEL else f'<span class="a">{change.arrow}</span> '
    return (
        f'<span class="d {change.tone}"><span aria-hidden="true">{arrow}{change.text}</span>'
        f"{hidden(change.words)}</span>"
    )


def change_typst(change: Change) -> str:
    """Return a change as Typst code."""
    if not change.known:
        return text_typst("–")
    colour = {"good": "good", "bad": "bad", "none": "mut"}[change.tone]
    arrow = "" if change.arrow == LEVEL else f"text(size: 0.72em, {text_typst(change.arrow)}); "
    return f'text(fill: rgb("{tokens()[colour]}"), {{{arrow}{text_typst(" " + change.text)}}})'


def _classes(*names: str) -> str:
    joined = " ".join(name for name in names if name)
    return f' class="{joined}"' if joined else ""


def _title(text: str) -> str:
    return f' title="{text_html(text)}"' if text else ""


def _head_html(column: Column) -> str:
    if column.quiet:
        return f'<th scope="col">{hidden(column.head or column.title)}</th>'
    small = f"<small>{text_html(column.small)}</small>" if column.small else ""
    extra = hidden(f" ({column.title})") if column.title else ""
    classes = _classes("num" if column.number else "", column.classes)
    return f'<th scope="col"{classes}{_title(column.title)}>{text_html(column.head)}{small}{extra}</th>'


def _cell_html(cell: Cell, column: Column, first: bool) -> str:
    classes = _classes("num" if column.number else "", column.classes)
    content = change_html(cell.change) if cell.change is not None else cell.html or _text(cell)
    if cell.href:
        content = f'<a href="{text_html(cell.href)}">{content}</a>'
    if cell.mark:
        content += f'<span class="q" aria-hidden="true">{cell.mark}</span>'
    if cell.spoken:
        content += hidden(f" {cell.spoken}")
    if first:
        return f'<th scope="row"{classes}{_title(cell.title)}>{content}</th>'
    return f"<td{classes}{_title(cell.title)}>{content}</td>"


def _text(cell: Cell) -> str:
    text = text_html(cell.text)
    return _CENTS.sub(r'<span class="c">\1</span>', text) if cell.cents else text


def _head_typst(column: Column) -> str:
    mut = tokens()["mut"]
    small = f" #linebreak() #text(size: 0.88em, {text_typst(column.small)})" if column.small else ""
    return f'[#set text(fill: rgb("{mut}"), size: 0.92em)\n#{text_typst(column.head)}{small}]'


def _cell_typst(cell: Cell, total: bool, crowded: bool) -> str:
    if cell.change is not None:
        return change_typst(cell.change)
    if cell.typst:
        return cell.typst
    shown = cell.brief if crowded and cell.brief else cell.text
    text = text_typst(breakable(shown + cell.mark))
    return f"text(weight: 600, {text})" if total else text


def _plain(cell: Cell) -> str:
    if cell.change is not None:
        return f"{cell.change.arrow} {cell.change.text}".strip()
    return cell.text + cell.mark


def cells(texts: Iterable[str]) -> tuple[Cell, ...]:
    """Return cells of plain texts."""
    return tuple(Cell(text) for text in texts)
