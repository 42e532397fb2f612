"""The figures of a published night, read back from each form in which they are given."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
from pypdf import PdfReader

WINDOWS = ("mtd", "qtd", "ytd", "last28")
_NUMBER = re.compile(r"[▲▼]?\s*[−-]?\s*[^\d\s▲▼†–−-]?\d[\d,]*(?:\.\d+)?(?:[\s\u00a0]?(?:%|pp|×))?|–")


@dataclass(frozen=True)
class Shown:
    """A number as it stands somewhere: ``None`` is an en dash; a change carries its arrow's sign."""

    number: float | None
    unit: str = ""
    decimals: int = 0


def shown(text: str) -> Shown:
    """Read one number as a person would."""
    if text.strip() == "–":
        return Shown(None)
    digits = re.search(r"\d[\d,]*(?:\.(\d+))?", text)
    assert digits is not None, text
    size = float(digits[0].replace(",", ""))
    unit = next((unit for unit in ("pp", "%", "×") if unit in text), "")
    negative = "▼" in text or "−" in text or "-" in text[: digits.start()]
    return Shown(-size if negative else size, unit, len(digits[1] or ""))


def numbers(text: str) -> list[Shown]:
    """Read the numbers of a line, in order."""
    return [shown(found) for found in _NUMBER.findall(text)]


class _Rows(HTMLParser):
    """The rows of a page's tables, without what is only read out by a screen reader."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._hidden = 0
        self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden or (tag == "span" and ("class", "sr") in attrs):
            self._hidden += tag == "span"
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag == "span":
            self._hidden -= 1
        elif tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell and not self._hidden:
            self.rows[-1][-1] += data


def page_rows(page: Path) -> dict[str, list[str]]:
    """Return the table rows of a page by their heading; the first one where two have the same."""
    reader = _Rows()
    reader.feed(page.read_text(encoding="utf-8"))
    rows: dict[str, list[str]] = {}
    for row in reader.rows:
        if row and row[0].strip():
            rows.setdefault(row[0].strip(), row[1:])
    return rows


def document_lines(document: Path) -> list[str]:
    """Return the text of a PDF line by line, as it is laid out."""
    if shutil.which("pdftotext"):
        command = ["pdftotext", "-layout", "-enc", "UTF-8", str(document), "-"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    pages = PdfReader(document).pages
    return [line for page in pages for line in page.extract_text(extraction_mode="layout").splitlines()]


def document_rows(document: Path, titles: list[str], after: str = "") -> dict[str, list[Shown]]:
    """Return the numbers of the table rows that begin with a title; the first of each, below a heading."""
    found: dict[str, list[Shown]] = {}
    lines = document_lines(document)
    start = next((number for number, line in enumerate(lines) if line.strip() == after), 0) if after else 0
    for line in lines[start:]:
        title = next((title for title in titles if re.match(rf"\s*{re.escape(title)}\s\s", line)), None)
        if title is not None and title not in found:
            rest = line.split(title, 1)[1]
            if len(numbers(rest)) > 1:
                found[title] = numbers(rest)
    return found


def workbook_rows(book: Path, sheet: str) -> list[dict[str, object]]:
    """Return a sheet's rows by heading."""
    rows = list(openpyxl.load_workbook(book, read_only=True)[sheet].iter_rows(values_only=True))
    heads = [str(head) for head in rows[0]]
    return [dict(zip(heads, row, strict=True)) for row in rows[1:]]
