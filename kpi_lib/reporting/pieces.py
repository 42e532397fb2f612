"""Charts and tables as what a notebook cell shows."""

from __future__ import annotations

from collections.abc import Sequence

from kpi_lib.reporting import drawing
from kpi_lib.reporting.grid import Grid
from kpi_lib.reporting.live import is_live, page_data
from kpi_lib.reporting.markup import Prose, items_html, raw_typst, text_html, text_markdown, text_typst
from kpi_lib.reporting.piece import Piece, section
from kpi_lib.reporting.plotting import Sketch
from kpi_lib.reporting.theme import tokens


def chart_piece(sketch: Sketch, name: str, heading: str = "") -> Piece:
    """Return a chart as a display object, drawn for wide and narrow screens and for paper."""
    wide, narrow = drawing.draw(sketch.wide), drawing.draw(sketch.narrow)
    caption = f"<figcaption>{text_html(sketch.caption)}</figcaption>" if sketch.caption else ""
    data = ""
    if is_live(sketch.wide):
        data = f'<template class="spec">{page_data(sketch)}</template>'
    figure = (
        f'<figure class="chart"><div class="stage">{drawing.inline(wide, sketch.description, "wide")}'
        f"{drawing.inline(narrow, sketch.description, 'narrow')}{data}</div>{caption}</figure>"
    )
    svg = drawing.standalone(wide, sketch.description)
    printed = drawing.standalone(drawing.draw(sketch.printed), sketch.description) if sketch.printed else svg
    column = drawing.standalone(narrow, sketch.description)
    return Piece(
        html=section(name, text_html(heading), figure) if heading else figure,
        markdown=with_heading(heading, raw_typst(_figure(printed, sketch))),
        plain=f"{sketch.description}\n{sketch.caption}".strip(),
        svg=svg,
        typst=f"[{_figure(column, sketch)}]",
    )


def grid_piece(grid: Grid, name: str, heading: str, *, before: str = "", after: str = "") -> Piece:
    """Return a table as a display object; ``before`` and ``after`` are HTML around it on a page."""
    return Piece(
        html=section(name, text_html(heading), before, grid.html, after),
        markdown=with_heading(heading, raw_typst(grid.typst)),
        plain=f"{heading}\n{grid.plain}",
    )


def headline_piece(sentence: str, prose: Prose, above: str = "") -> Piece:
    """Return a headline and what stands under it, with an optional name above."""
    eyebrow = f'<p class="eyebrow">{text_html(above)}</p>' if above else ""
    lead = "\n\n".join([*([text_markdown(above)] if above else []), f"# {text_markdown(sentence)}"])
    return Piece(
        html=f'{eyebrow}<h1>{text_html(sentence)}</h1><p class="lede">{prose.html}</p>',
        markdown=f"{lead}\n\n{prose.markdown}",
        plain=f"{sentence}\n{prose.plain}",
        typst=f'[#set text(font: ("{tokens().serif}", "{tokens().text}"), size: 11pt)\n{prose.typst}]',
        lead=lead,
        layout="hero",
    )


def notes_piece(found: Sequence[Prose], printed: Sequence[Prose] = ()) -> Piece:
    """Return notes as a display object; ``printed`` ones are on paper only."""
    heading = "To know before you quote a number"
    return Piece(
        html=section("notes", heading, items_html(found)),
        markdown=with_heading(heading, "\n".join(f"- {note.markdown}" for note in (*found, *printed))),
        plain="\n".join([heading, *(f"- {note.plain}" for note in found)]),
    )


def with_heading(heading: str, body: str) -> str:
    """Return Markdown below a heading of the second level; without one, the Markdown alone."""
    return f"## {text_markdown(heading)}\n\n{body}" if heading else body


def _figure(svg: str, sketch: Sketch) -> str:
    picture = f'bytes({text_typst(svg)}), format: "svg", width: 100%, alt: {text_typst(sketch.description)}'
    quiet = f'text(size: 7.5pt, fill: rgb("{tokens()["mut"]}"), {text_typst(sketch.caption)})'
    caption = f"\n#block(above: 4pt, {quiet})" if sketch.caption else ""
    return f"#block(breakable: false, width: 100%)[#figure(image({picture})){caption}]"
