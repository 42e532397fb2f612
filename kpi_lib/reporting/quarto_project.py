"""The Quarto project of a run: its profile, its notebooks, its brand, and what is taken off its pages."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kpi_lib.reporting import theme
from kpi_lib.reporting.context import NavItem, SiteContext
from kpi_lib.reporting.html import read_notebook, render_template, root_of
from kpi_lib.reporting.markup import text_typst

#: Quarto's own pages need their inline scripts and styles; still nothing may come from another host.
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
#: Stands for the way to the site's root until a page's depth is known; Quarto leaves unknown schemes alone.
ROOT = "kpiroot:"
#: Tags of cells by which a notebook is laid out as a dashboard.
ROW, TAB = "row", "tab"
_HEADING = re.compile(r"<h2[^>]*>(.*?)</h2>", re.DOTALL)
_RELATIVE = re.compile(r'href="(?![a-zA-Z][a-zA-Z0-9+.-]*:|#|/)')
_OUTSIDE_SCRIPT = re.compile(r"<script\b[^>]*\bsrc=[\"'](?:https?:)?//[^>]*>\s*</script>", re.IGNORECASE)
_OUTSIDE_LINK = re.compile(r"<link\b[^>]*\bhref=[\"'](?:https?:)?//[^>]*>", re.IGNORECASE)
_JQUERY_SHIM = re.compile(r"<script\b[^>]*>\s*define\('jquery'.*?</script>", re.DOTALL | re.IGNORECASE)


def run_profile(notebooks: Sequence[str], context: SiteContext, kind: str = "website") -> dict[str, Any]:
    """Return the project profile of a run: navigation, policy, banner and foot of every page and PDF.

    Parameters
    ----------
    notebooks
        What to render, relative to the project's folder.
    context
        The run.
    kind
        The project's type: ``website`` for pages, ``default`` for a single document.
    """
    template = functools.partial(render_template, "quarto.html.j2", at=ROOT)
    # The same text stands on pages of every depth.
    parts = {
        place: _RELATIVE.sub(f'href="{ROOT}', template("index.html", context.title, context, place=place))
        for place in ("before", "after")
    }
    head = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n' + "".join(
        f'<script src="{ROOT}assets/{name}.js" defer></script>' for name in ("age", "sort", "charts")
    )
    page = {
        "include-in-header": [{"text": head}],
        "include-before-body": [{"text": parts["before"]}],
        "include-after-body": [{"text": parts["after"]}],
    }
    profile: dict[str, Any] = {
        "project": {"type": kind, "render": list(notebooks)},
        "lang": context.language,
        # Each page names one of the two in its own front matter.
        "format": {
            "html": page,
            "dashboard": page,
            "typst": {"include-in-header": [{"text": typst_head(context)}]},
        },
    }
    if kind == "website":
        links = [
            {"text": top.label, "menu": [_nav_link(item) for item in items]} if items else _nav_link(top)
            for top, items in context.sections()
        ]
        profile["website"] = {"title": context.title, "navbar": {"left": links, "search": True}}
    return profile


def typst_head(context: SiteContext) -> str:
    """Return the Typst code that puts as-of, run and page number on every page of a PDF."""
    ink, mut, acc = (theme.tokens()[name] for name in ("ink", "mut", "acc"))
    words = f"{context.as_of_words} · {context.reach} · {context.gate.words} · run {context.run_id}"
    foot = text_typst(f"As of {words} · code {context.code_version}")
    number = "context [#counter(page).display() / #counter(page).final().first()]"
    return (
        f'#set text(fill: rgb("{ink}"), number-width: "tabular")\n'
        f"#set page(header: {{ strong({text_typst(context.title)}); v(-4pt);"
        f' line(length: 100%, stroke: 1pt + rgb("{acc}")) }},\n'
        f'  footer: text(size: 7.5pt, fill: rgb("{mut}"), grid(columns: (1fr, auto), column-gutter: 12pt,'
        f" {foot}, {number})))\n"
        f'#set table(stroke: (x, y) => (bottom: 0.5pt + rgb("{theme.tokens()["hair"]}")))\n'
        "#show table: set text(size: 8.5pt)\n"
    )


def _nav_link(item: NavItem) -> dict[str, str]:
    return {"text": item.label, "href": f"{ROOT}{item.href}"}


def joined(paths: Sequence[Path], front: Mapping[str, Any], to: str = "html") -> Any:
    """Return executed notebooks as one for Quarto, with front matter and without code.

    Parameters
    ----------
    paths
        The executed notebooks.
    front
        The front matter. A page gets its format added: a dashboard where the notebook has rows.
    to
        ``html`` or ``typst``: which of an output's forms Quarto shall find.
    """
    import nbformat

    notebook = read_notebook(paths[0])
    for path in paths[1:]:
        notebook.cells += read_notebook(path).cells
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type != "code" or cell.outputs]
    for cell in notebook.cells:
        cell.metadata["tags"] = sorted({*cell.metadata.get("tags", ()), "remove-input"})
        for output in cell.get("outputs", ()):
            if "data" in output:
                output["data"] = chosen(output["data"], to)
    matter = dict(front)
    if to == "html":
        board = any(ROW in cell.metadata["tags"] for cell in notebook.cells)
        matter["format"] = "dashboard" if board else "html"
        if board:
            notebook.cells = in_rows(notebook.cells)
    text = "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in matter.items()), "---"])
    notebook.cells.insert(0, nbformat.v4.new_raw_cell(text))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return notebook


def chosen(data: Mapping[str, Any], to: str) -> dict[str, Any]:
    """Return the forms of an output that Quarto is to choose from.

    HTML goes in as a raw block of Markdown: for any ``text/html`` Quarto adds require.js and jQuery from
    another host to the page. In a PDF HTML has no place.
    """
    rest = {mime: value for mime, value in data.items() if mime != "text/html"}
    if to != "html" or "text/html" not in data:
        return rest
    # Quarto's dashboards take everything of the class "card" for their own.
    text = "".join(data["text/html"]).replace('class="card"', 'class="tile"')
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    raw = f"{fence}{{=html}}\n{text}\n{fence}\n"
    return {"text/plain": rest.get("text/plain", ""), "text/markdown": raw}


def in_rows(cells: Sequence[Any]) -> list[Any]:
    """Return cells with the headings by which a dashboard lays them out.

    A cell tagged ``row`` begins a row; cells tagged ``tab`` lie behind each other, named by their heading.
    """
    import nbformat

    placed: list[Any] = []
    for cell in cells:
        tags = cell.metadata.get("tags", ())
        if ROW in tags:
            words = "## Row {.tabset}" if TAB in tags else "## Row"
            placed.append(nbformat.v4.new_markdown_cell(words))
        if TAB in tags and cell.cell_type == "code":
            cell["source"] = f"#| title: {json.dumps(_heading(cell))}\n{cell['source']}"
        placed.append(cell)
    return placed


def _heading(cell: Any) -> str:
    """Return the first heading that a cell shows."""
    text = "".join("".join(output.get("data", {}).get("text/markdown", "")) for output in cell.outputs)
    found = _HEADING.search(text)
    return html.unescape(re.sub(r"<[^>]+>", "", found[1])).strip() if found else "Table"


def merged_search(kept: str, added: str) -> str:
    """Return two search indexes as one; a page that is in both is taken from the second."""
    new = json.loads(added)
    pages = {str(item.get("href", "")).partition("#")[0] for item in new}
    old = [item for item in json.loads(kept) if str(item.get("href", "")).partition("#")[0] not in pages]
    return json.dumps([*old, *new], ensure_ascii=False)


def offline_page(text: str, page: str, context: SiteContext) -> str:
    """Return a page of Quarto's without references to other hosts, with the links to the site's root.

    Parameters
    ----------
    text
        The page as Quarto wrote it.
    page
        Its path relative to the site's root.
    context
        The run.
    """
    for pattern in (_OUTSIDE_SCRIPT, _OUTSIDE_LINK, _JQUERY_SHIM):
        text = pattern.sub("", text)
    mark = (
        f'<html data-built-at="{context.built_at.isoformat()}" data-as-of="{context.as_of_words}"'
        f' data-stale-after-hours="{context.stale_after_hours}"'
    )
    return text.replace(ROOT, root_of(page)).replace("<html", mark, 1)


def brand() -> dict[str, Any]:
    """Return ``_brand.yml`` as the theme's tokens have it."""
    tokens = theme.tokens()
    fonts = {
        family: [
            f"theme/assets/fonts/{path.name}" for path in theme.print_fonts() if path.name.startswith(start)
        ]
        for family, start in ((tokens.text, "Inter"), (tokens.serif, "SourceSerif4"))
    }
    return {
        "color": {
            "palette": dict(tokens.light),
            "background": "paper",
            "foreground": "ink",
            "primary": "acc",
            "success": "good",
            "danger": "bad",
            "warning": "bad",
        },
        "typography": {
            "fonts": [
                {"family": family, "source": "file", "files": [{"path": path} for path in paths]}
                for family, paths in fonts.items()
            ],
            "base": {"family": tokens.text, "size": "15px"},
            "headings": {"family": tokens.serif, "weight": 600},
        },
    }
