"""Pages from executed notebooks: nbconvert gives the body, a page shell of our own goes round it."""

from __future__ import annotations

import functools
import posixpath
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from markupsafe import Markup

from kpi_lib.errors import ReportError
from kpi_lib.reporting import theme
from kpi_lib.reporting.bundle import write_bundle
from kpi_lib.reporting.context import NavItem, SiteContext
from kpi_lib.reporting.runner import NotebookJob, NotebookResult, is_token

TEMPLATES = Path(__file__).resolve().parent / "templates"
#: Nothing from another host, nothing inline: neither scripts nor styles.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
_PRIORITY = ("text/html", "text/markdown", "image/svg+xml", "image/png", "text/plain")


@dataclass(frozen=True)
class _Link:
    label: str
    href: str
    current: str = ""


def read_notebook(path: Path) -> Any:
    """Read an executed notebook as readers may see it.

    Parameters
    ----------
    path
        The executed notebook.

    Returns
    -------
    nbformat.NotebookNode
        Without hidden cells, code, what was written to stderr, and the completion token.

    Raises
    ------
    ReportError
        When the file cannot be read or holds an error output.
    """
    import nbformat

    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise ReportError(f"The executed notebook cannot be read: {error}.", where=str(path)) from error
    notebook.cells = [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", ())]
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                raise ReportError(
                    f"A cell failed with {output.ename}: {output.evalue}.",
                    where=str(path),
                    remedy="A page is only made of a notebook that ran to its end.",
                )
        cell.outputs = [
            output for output in cell.outputs if output.get("name") != "stderr" and not is_token(output)
        ]
    return notebook


def notebook_body(path: Path) -> str:
    """Return the HTML of an executed notebook's outputs and text."""
    return str(_exporter().from_notebook_node(read_notebook(path))[0])


def root_of(page: str) -> str:
    """Return the way from a page to the site's root: ``""``, ``"../"``, ``"../../"``."""
    return "../" * (len(PurePosixPath(page).parts) - 1)


def page_html(
    body: str, *, title: str, page: str, context: SiteContext, downloads: Sequence[NavItem] = ()
) -> str:
    """Put the page shell round a body.

    Parameters
    ----------
    body
        Trusted HTML. A heading is added where it has none.
    title
        The page's title.
    page
        Its path relative to the site's root; links and assets are written relative to it.
    context
        The run.
    downloads
        Links of the footer, relative to the site's root.
    """
    if "<h1" not in body:
        body = f"{Markup('<h1>{}</h1>').format(title)}\n{body}"
    return _render("shell.html.j2", title, page, context, downloads, body=Markup(body))  # noqa: S704


def failed_html(title: str, page: str, context: SiteContext, reason: str) -> str:
    """Return the page of a report that could not be made."""
    return _render("failed.html.j2", title, page, context, (), heading=title, reason=reason)


def write_pages(results: Sequence[NotebookResult], site: Path, context: SiteContext) -> list[Path]:
    """Write the page of each notebook, and of a failed one a page that says so.

    Parameters
    ----------
    results
        What the runner gave.
    site
        The site's root folder.
    context
        The run.

    Returns
    -------
    list of Path
        The pages, in the order of ``results``.
    """
    write_assets(site, context.cache)
    pages = []
    titles = job_titles([result.job for result in results])
    for result in results:
        job, title = result.job, titles[result.job.page]
        if result.ok and result.path is not None:
            text = page_html(notebook_body(result.path), title=title, page=job.page, context=context)
        else:
            reason = result.error.what if result.error else "The notebook did not end well."
            text = failed_html(title, job.page, context, reason)
        pages.append(write_text(site / job.page, text))
    return pages


def job_titles(jobs: Sequence[NotebookJob]) -> dict[str, str]:
    """Return each page's title; pages of one domain that share theirs add their own name to it."""
    named = [(job.page, job.title or job.report) for job in jobs]
    used = Counter((page.partition("/")[0], title) for page, title in named)
    return {
        page: title if used[page.partition("/")[0], title] == 1 else f"{title} ({PurePosixPath(page).stem})"
        for page, title in named
    }


def write_text(path: Path, text: str) -> Path:
    """Write a text file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_assets(site: Path, cache: Path | None = None) -> None:
    """Write the site's style sheet, fonts and scripts, once for all pages; see :func:`write_bundle`."""
    theme.write_assets(site / "assets")
    for script in ("age.js", "sort.js", "filter.js", "charts.js"):
        shutil.copyfile(TEMPLATES / "site" / script, site / "assets" / script)
    write_bundle(site / "assets", cache)


def relative(href: str, page: str) -> str:
    """Return a link relative to the site's root as one relative to a page."""
    target, mark, anchor = href.partition("#")
    return posixpath.relpath(target, posixpath.dirname(page) or ".") + mark + anchor


def render_template(name: str, page: str, title: str, context: SiteContext, **values: Any) -> str:
    """Render one of the site's own pages from its template."""
    return _render(name, title, page, context, (), **values)


def _render(
    name: str, title: str, page: str, context: SiteContext, downloads: Sequence[NavItem], **values: Any
) -> str:
    template, context = _environment().get_template(name), context.of(page)
    text: str = template.render(
        title=page_title(title, page, context),
        context=context,
        policy=Markup(POLICY),  # noqa: S704
        root=root_of(page),
        **_navigation(page, context),
        downloads=[_Link(item.label, relative(item.href, page)) for item in (*context.files, *downloads)],
        link=functools.partial(relative, page=page),
        **values,
    )
    return text


def _navigation(page: str, context: SiteContext) -> dict[str, Any]:
    """Return the links to the domains or, of a site of one, to its pages; and those of the page's domain."""
    sections = context.sections()
    folder = page.partition("/")[0]
    pages = next((items for _, items in sections if items and items[0].href.startswith(f"{folder}/")), ())
    tops = [
        _Link(
            top.label,
            relative(top.href, page),
            "true" if items and items == pages else _current(top.href, page),
        )
        for top, items in sections
    ]
    checks = next((item for item in context.nav if item.href == f"{folder}/data_quality.html"), None)
    own = [_Link(item.label, relative(item.href, page), _current(item.href, page)) for item in pages]
    return {
        "nav": tops,
        "pages": own,
        "domain_title": dict(context.domains).get(folder, ""),
        # Of the whole site the home page tells what the checks noticed; of a domain, its own page does.
        "checks": relative(checks.href, page) if checks else "",
    }


def page_title(title: str, page: str, context: SiteContext) -> str:
    """Return the whole title of a page: its own, its domain's where that says more, the site's, the day."""
    if title == context.title:
        return title
    domain = context.domain_label(page)
    parts = [title, domain if domain not in title else "", context.title, context.as_of_words]
    return " · ".join(part for part in parts if part)


def _current(href: str, page: str) -> str:
    """Return the value of ``aria-current``: this page, or a page of the section that ``href`` opens."""
    if href == page:
        return "page"
    section = href.removesuffix("index.html")
    return "true" if section and section != href and page.startswith(section) else ""


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "site"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment


@functools.cache
def _exporter() -> Any:
    from nbconvert.exporters import TemplateExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
    from traitlets.config import Config

    def prose(source: str) -> str:
        renderer = IPythonRenderer(escape=True, exclude_anchor_links=True)
        return str(MarkdownWithMath(renderer=renderer).render(source))

    config = Config()
    config.NbConvertBase.display_data_priority = list(_PRIORITY)
    exporter = TemplateExporter(
        config=config,
        template_name="report",
        template_file="index.html.j2",
        extra_template_basedirs=[str(TEMPLATES / "nbconvert")],
        exclude_input=True,
    )
    exporter.register_filter("prose", prose)
    return exporter
