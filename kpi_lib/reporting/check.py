"""Look at a built site as a reader's browser would: links, assets, other hosts, headings, stray text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MOST_BYTES = 400_000
_STRAY = re.compile(r"(?<![\w.])(?:NaN|nan|None|NaT|undefined)(?![\w])")
_LOADS = {
    ("img", "src"),
    ("script", "src"),
    ("link", "href"),
    ("source", "src"),
    ("iframe", "src"),
    ("use", "href"),
}
_LINKS = {("a", "href"), ("area", "href")}
_CSS_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)")
#: Words a page may hold for good reason are not looked at inside these.
_SILENT = {"script", "style", "template", "code", "samp"}


@dataclass
class _Page:
    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    headings: int = 0
    title: str = ""
    policy: bool = False
    language: str = ""
    stray: set[str] = field(default_factory=set)
    without_alt: int = 0


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = _Page()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        page = self.page
        page.loads += [value for name, value in values.items() if (tag, name) in _LOADS]
        page.links += [value for name, value in values.items() if (tag, name) in _LINKS]
        if "id" in values:
            page.anchors.add(values["id"])
        page.headings += tag == "h1"
        page.without_alt += tag == "img" and "alt" not in values
        if tag == "html":
            page.language = values.get("lang", "")
        if tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            page.policy = True
        if tag in _SILENT or tag in ("title", "svg"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if "title" in self._open and "svg" not in self._open:
            self.page.title += data
        elif not _SILENT.intersection(self._open):
            self.page.stray.update(_STRAY.findall(data))


def stray_words(text: str) -> frozenset[str]:
    """Return the words of a text that on a page would be taken for a slip: ``NaN``, ``None`` and the like."""
    return frozenset(_STRAY.findall(text))


def check_site(folder: Path, allowed: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a built site, one sentence each; an empty list when nothing is.

    Every link and asset must resolve inside the site, nothing may be loaded from another host, each
    page has one main heading, a title, a language and a Content-Security-Policy, weighs
    under 400 kB, and shows no ``NaN`` or ``None``. Archived pages may link to pages that are gone.

    Parameters
    ----------
    folder
        The site's root.
    allowed
        Words that would be a slip, but that the definitions hold themselves: a location may be called "None".
    """
    files = sorted(folder.rglob("*.html"))
    if not (folder / "index.html").is_file():
        return [f"{folder}: there is no index.html."]
    pages = {file.resolve(): _read(file) for file in files}
    problems = []
    for file, page in zip(files, pages.values(), strict=True):
        name = file.relative_to(folder).as_posix()
        page.stray -= set(allowed)
        problems += [f"{name}: {problem}" for problem in _page_problems(file, page)]
        problems += [f"{name}: {problem}" for problem in _reference_problems(file, page, folder, pages)]
    for file in sorted(folder.rglob("*.css")):
        for reference in _CSS_URL.findall(file.read_text(encoding="utf-8")):
            problem = _target_problem(reference, file, folder)
            problems += [f"{file.relative_to(folder).as_posix()}: {problem}"] if problem else []
    return problems


def same_titles(folder: Path) -> list[str]:
    """Return which pages of a folder share a title, one sentence a title: untidy, but no reason to stop.

    Parameters
    ----------
    folder
        The site's root.
    """
    named: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted(folder.rglob("*.html")):
        name = file.relative_to(folder).as_posix()
        named[name.partition("/")[0] if "/" in name else "", _read(file).title.strip()].append(name)
    return [
        f"{', '.join(names)}: all have the title '{title}'."
        for (_, title), names in named.items()
        if names[1:]
    ]


def _read(file: Path) -> _Page:
    reader = _Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    reader.close()
    return reader.page


def _page_problems(file: Path, page: _Page) -> list[str]:
    problems = []
    if page.headings != 1:
        problems.append(f"it has {page.headings} main headings (h1); exactly one is needed.")
    if not page.title.strip():
        problems.append("it has no title.")
    if not page.language:
        problems.append("it names no language.")
    if not page.policy:
        problems.append("it has no Content-Security-Policy.")
    if page.without_alt:
        problems.append(f"{page.without_alt} images have no alternative text.")
    if page.stray:
        problems.append(f"it shows {', '.join(sorted(page.stray))}.")
    if (size := file.stat().st_size) > MOST_BYTES:
        problems.append(f"it weighs {size / 1000:,.0f} kB; at most {MOST_BYTES / 1000:,.0f} kB are allowed.")
    return problems


def _reference_problems(file: Path, page: _Page, folder: Path, pages: dict[Path, _Page]) -> list[str]:
    problems = [_target_problem(reference, file, folder) for reference in page.loads]
    archived = "archive" in file.relative_to(folder).parts[:1] and file.name != "index.html"
    for reference in page.links:
        parts = urlsplit(reference)
        if parts.scheme in ("http", "https", "mailto"):
            continue
        if parts.path and not archived:
            problems.append(_target_problem(reference, file, folder))
        target = _target(reference, file, folder) if parts.path else file.resolve()
        if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            problems.append(f"'{reference}' leads to no such place.")
    return [problem for problem in dict.fromkeys(problems) if problem]


def _target_problem(reference: str, file: Path, folder: Path) -> str:
    parts = urlsplit(reference)
    if parts.scheme == "data" or (not parts.path and not parts.netloc):
        return ""
    if parts.scheme or parts.netloc:
        return f"'{reference}' is loaded from another place."
    target = _target(reference, file, folder)
    if not target.is_relative_to(folder.resolve()):
        return f"'{reference}' leads out of the site."
    return "" if target.is_file() else f"'{reference}' does not exist."


def _target(reference: str, file: Path, folder: Path) -> Path:
    path = unquote(urlsplit(reference).path)
    target = (folder / path.lstrip("/")) if path.startswith("/") else (file.parent / path)
    return target.resolve() / "index.html" if target.is_dir() else target.resolve()
