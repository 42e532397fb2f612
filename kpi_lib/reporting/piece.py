"""What a notebook cell shows: one content as HTML, as Markdown for PDF, as plain text, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kpi_lib.reporting.markup import raw_typst


@dataclass(frozen=True)
class Piece:
    """A display object; ``left | right`` puts two side by side where there is room.

    Parameters
    ----------
    html
        For browsers and JupyterLab.
    markdown
        For PDF through pandoc and Typst; may hold raw Typst blocks.
    plain
        For terminals.
    svg
        The drawing of a chart, on its own.
    typst
        The body as Typst content, where it can stand in a column beside another.
    lead
        The Markdown that stays above the columns (the headline).
    layout
        The class of the HTML columns when this is the left one.
    """

    html: str
    markdown: str
    plain: str
    svg: str = ""
    typst: str = ""
    lead: str = ""
    layout: str = "two"

    def __or__(self, other: Piece) -> Piece:
        """Return both, side by side on wide screens; an empty one takes no place."""
        if not (self.html and other.html):
            return self if self.html else other
        markdown = f"{self.markdown}\n\n{other.markdown}"
        if self.typst and other.typst:
            columns = f"#v(6pt)\n#grid(columns: (1fr, 1fr), column-gutter: 18pt, {self.typst}, {other.typst})"
            markdown = f"{self.lead}\n\n{raw_typst(columns)}".strip()
        return Piece(
            html=f'<div class="{self.layout}"><div>{self.html}</div><div>{other.html}</div></div>',
            markdown=markdown,
            plain=f"{self.plain}\n\n{other.plain}",
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        bundle = {"text/plain": self.plain, "text/markdown": self.markdown, "text/html": self.html}
        if self.svg:
            bundle["image/svg+xml"] = self.svg
        return bundle

    def __repr__(self) -> str:
        return self.plain


def section(name: str, heading: str, *content: str, classes: str = "group") -> str:
    """Return an HTML section with its heading. ``name`` is unique on the page, the rest is HTML already."""
    return (
        f'<section class="{classes}" aria-labelledby="{name}"><h2 id="{name}">{heading}</h2>'
        f"{''.join(content)}</section>"
    )


def stacked(pieces: Sequence[Piece]) -> Piece:
    """Return pieces below one another as one."""
    return Piece(
        html="".join(piece.html for piece in pieces),
        markdown="\n\n".join(piece.markdown for piece in pieces),
        plain="\n\n".join(piece.plain for piece in pieces),
    )
