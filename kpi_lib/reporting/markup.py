"""Text made safe for HTML, pandoc's Markdown and Typst; prose that can be written in each."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

_PUNCTUATION = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ENDLESS = re.compile(r"\w{41,}")
Style = Literal["", "strong", "muted"]


def text_html(text: str) -> str:
    """Return text for HTML content or a quoted attribute."""
    return html.escape(_CONTROL.sub("", text), quote=True)


def text_markdown(text: str) -> str:
    """Return text for pandoc's Markdown, on one line, with every ASCII punctuation mark escaped."""
    flat = _CONTROL.sub("", text).replace("\n", " ").replace("\t", " ")
    return _PUNCTUATION.sub(r"\\\1", flat)


def text_typst(text: str) -> str:
    """Return a Typst string literal: no markup is read in it."""
    flat = _CONTROL.sub("", text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + flat.replace("\n", " ").replace("\t", " ") + '"'


def breakable(text: str) -> str:
    """Return text in which a word that no column is wide enough for may break."""
    return _ENDLESS.sub(lambda word: "\u200b".join(re.findall(r".{1,12}", word[0])), text)


def raw_typst(code: str) -> str:
    """Return Typst code as a raw block of pandoc's Markdown."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{{=typst}}\n{code}\n{fence}"


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    text: str
    style: Style = ""


@dataclass(frozen=True)
class Prose:
    """A paragraph; can be written as HTML, Markdown and plain text."""

    runs: tuple[Run, ...]

    @classmethod
    def of(cls, *parts: str | Run) -> Prose:
        """Return a paragraph of plain and styled parts."""
        return cls(tuple(Run(part) if isinstance(part, str) else part for part in parts))

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join(run.text for run in self.runs)

    @property
    def html(self) -> str:
        """The text with ``<b>`` and ``<span class="mut">``."""
        frames = {"": "{}", "strong": "<b>{}</b>", "muted": '<span class="mut">{}</span>'}
        return "".join(frames[run.style].format(text_html(run.text)) for run in self.runs)

    @property
    def markdown(self) -> str:
        """The text with ``**`` (muted parts stay plain)."""
        return "".join(
            f"**{text_markdown(run.text)}**" if run.style == "strong" else text_markdown(run.text)
            for run in self.runs
        )

    @property
    def typst(self) -> str:
        """The text as Typst content, without markup that could be read in it."""
        frames = {"": "#{}", "strong": "#strong({})", "muted": "#text(fill: luma(40%), {})"}
        return "".join(frames[run.style].format(text_typst(run.text)) for run in self.runs)


def strong(text: str) -> Run:
    """Return text in bold."""
    return Run(text, "strong")


def muted(text: str) -> Run:
    """Return text in the quiet colour."""
    return Run(text, "muted")


def element(name: str, *content: str, attributes: Mapping[str, str | None] | None = None) -> str:
    """Return an element around content that is HTML already; attributes are escaped, None ones left out."""
    given = "".join(
        f' {key}="{text_html(value)}"' for key, value in (attributes or {}).items() if value is not None
    )
    return f"<{name}{given}>{''.join(content)}</{name}>"


def hidden(text: str) -> str:
    """Return HTML that only a screen reader reads."""
    return f'<span class="sr">{text_html(text)}</span>'


def items_html(paragraphs: Iterable[Prose]) -> str:
    """Return the list of notes as HTML."""
    return '<ul class="notes">' + "".join(f"<li>{item.html}</li>" for item in paragraphs) + "</ul>"
