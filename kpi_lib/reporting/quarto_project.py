"""The Quarto project of a run: its profile, its notebooks, its brand, and what is taken off its pages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kpi_lib.reporting import theme
from kpi_lib.reporting.context import NavItem, SiteContext
from kpi_lib.reporting.html import read_notebook, render_template, root_of

#: Quarto's own pages need their inline scripts and styles; still nothing may come from another host.
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
#: Stands for the way to the site's root until a page's depth is known; Quarto leaves unknown schemes alone.
ROOT = "kpiroot:"
_OUTSIDE_SCRIPT = re.compile(r"<script\b[^>]*\bsrc=[\"'](?:https?:)?//[^>]*>\s*</script>", re.IGNORECASE)
_OUTSIDE_LINK = re.compile(r"<link\b[^>]*\bhref=[\"'](?:https?:)?//[^>]*>", re.IGNORECASE)
_JQUERY_SHIM = re.compile(r"<script\b[^>]*>\s*define\('jquery'.*?</script>", re.DOTALL | re.IGNORECASE)


def run_profile(notebooks: Sequence[str], context: SiteContext, kind: str = "website") -> dict[str, Any]:
    """Return the project profile of a run: navigation, policy, banner and foot of every page.

    Parameters
    ----------
    notebooks
        What to render, relative to the project's folder.
    context
        The run.
    kind
        The project's type: ``website`` for pages, ``default`` for a single document.
    """
    parts = {
        place: render_template("quarto.html.j2", "index.html", context.title, context, place=place, at=ROOT)
        for place in ("before", "after")
    }
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<script src="{ROOT}assets/age.js" defer></script>'
        f'<script src="{ROOT}assets/sort.js" defer></script>'
    )
    return {
        "project": {"type": kind, "render": list(notebooks)},
        "lang": context.language,
        "website": {
            "title": context.title,
            "navbar": {
                "left": [
                    {"text": top.label, "menu": [_nav_link(item) for item in items]}
                    if items
                    else _nav_link(top)
                    for top, items in context.sections()
                ],
                "search": True,
            },
        },
        "format": {
            "html": {
                "include-in-header": [{"text": head}],
                "include-before-body": [{"text": parts["before"]}],
                "include-after-body": [{"text": parts["after"]}],
            }
        },
    }


def _nav_link(item: NavItem) -> dict[str, str]:
    return {"text": item.label, "href": f"{ROOT}{item.href}"}


def joined(paths: Sequence[Path], front: Mapping[str, str]) -> Any:
    """Return executed notebooks as one, with front matter, without code that a reader need not see."""
    import nbformat

    notebook = read_notebook(paths[0])
    for path in paths[1:]:
        notebook.cells += read_notebook(path).cells
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata["tags"] = sorted({*cell.metadata.get("tags", ()), "remove-input"})
    text = "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---"])
    notebook.cells.insert(0, nbformat.v4.new_raw_cell(text, id="front-matter"))
    return notebook


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
