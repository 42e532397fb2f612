"""A tagged PDF from executed notebooks: their markdown and charts through pandoc and Typst."""

from __future__ import annotations

import base64
import functools
import json
import re
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kpi_lib.errors import ReportError
from kpi_lib.reporting import theme
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.html import TEMPLATES, read_notebook
from kpi_lib.reporting.runner import NotebookResult

#: What of an output goes into the PDF, best first: the order of Quarto's Typst format.
PRIORITY = ("text/markdown", "image/svg+xml", "image/png", "text/plain")
#: Pandoc's markdown without the marks that figures and names would set off by accident.
_MARKDOWN = "markdown-tex_math_dollars-raw_tex-raw_html-citations-example_lists-yaml_metadata_block-smart"
_IMAGE = re.compile(r"\b(?:image|chart)\((?=\"|bytes\()")
_SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Manuscript:
    """The markdown of a report and its figures, by file name."""

    blocks: list[str] = field(default_factory=list)
    figures: dict[str, bytes] = field(default_factory=dict)

    @property
    def markdown(self) -> str:
        """The whole text."""
        return "\n\n".join(self.blocks) + "\n"

    @property
    def expected(self) -> int:
        """How many images the document has to show, those in raw Typst blocks included."""
        return sum(len(_IMAGE.findall(block)) for block in self.blocks)

    def add_figure(self, data: bytes, suffix: str, alt: str, where: str) -> None:
        """Add a chart; one without an alternative text is refused."""
        if not alt.strip():
            raise ReportError(
                "A chart has no alternative text.",
                where=where,
                remedy="Give it a description; screen readers and PDF/UA need it.",
            )
        name = f"figure-{len(self.figures) + 1}.{suffix}"
        self.figures[name] = data
        self.blocks.append(f"```{{=typst}}\n#chart({_text(name)}, {_text(alt)})\n```")


def manuscript(path: Path) -> Manuscript:
    """Return what of an executed notebook goes into a PDF.

    Parameters
    ----------
    path
        The executed notebook.

    Raises
    ------
    ReportError
        When a cell failed, a chart has no alternative text, or an output has no form for print.
    """
    paper = Manuscript()
    for number, cell in enumerate(read_notebook(path).cells, 1):
        where = f"{path}, cell {number}"
        if cell.cell_type == "markdown":
            paper.blocks.append(cell.source)
        for output in cell.get("outputs", ()):
            _add(paper, output, where)
    return paper


def write_pdf(results: Sequence[NotebookResult], out: Path, context: SiteContext, title: str = "") -> Path:
    """Write one tagged PDF (PDF/UA-1) of one or several executed notebooks.

    Parameters
    ----------
    results
        The notebooks, in the order of the chapters.
    out
        The file.
    context
        The run.
    title
        The document's title; by default the first notebook's.

    Raises
    ------
    ReportError
        When a notebook did not end well, Typst refuses the document, or a figure was lost on the way.
    """
    papers = []
    for result in results:
        if not result.ok or result.path is None:
            raise ReportError("A PDF is only made of notebooks that ran to their end.", where=result.job.page)
        papers.append(manuscript(result.path))
    heading = title or results[0].job.title or results[0].job.report
    with tempfile.TemporaryDirectory(prefix="kpi-pdf-") as name:
        folder = Path(name)
        whole = Manuscript()
        for paper in papers:
            _append(whole, paper)
        body = _typst(whole.markdown)
        if not re.search(r"^= ", body, re.MULTILINE):
            body = f"#heading(level: 1, run.heading)\n{body}"
        for file, data in whole.figures.items():
            (folder / file).write_bytes(data)
        (folder / "report.typ").write_bytes((TEMPLATES / "typst" / "report.typ").read_bytes())
        whose = context.domain_label(results[0].job.page)
        if whose and context.profile:
            whose += f" (profile {context.profile})"
        whose = whose or context.title
        (folder / "run.json").write_text(json.dumps(_run(context, heading, whose)), encoding="utf-8")
        main = folder / "main.typ"
        main.write_text(f'#import "report.typ": *\n#show: report\n{body}', encoding="utf-8")
        data = _compile(main, whole.expected, context, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    return out


def alternative_text(svg: str) -> str:
    """Return what an SVG says about itself: its label, its title, or its description."""
    root = ET.fromstring(svg)  # noqa: S314  (made by our own charts)
    label = root.get("aria-label") or ""
    inner = (root.find(f".//{_SVG}{tag}") for tag in ("title", "desc"))
    nested = next((item.get("aria-label", "") for item in root.iter() if item.get("aria-label")), "")
    return label or next((item.text or "" for item in inner if item is not None), "") or nested


def _add(paper: Manuscript, output: Any, where: str) -> None:
    data = output.get("data", {})
    if output.output_type == "stream":
        paper.blocks.append(_preformatted(output.text))
        return
    kind = next((kind for kind in PRIORITY if kind in data), None)
    if kind == "text/markdown" and "image/svg+xml" in data and not _IMAGE.search(data[kind]):
        kind = "image/svg+xml"
    if kind is None or (kind == "text/plain" and "text/html" in data):
        raise ReportError(
            f"An output has no form for print: {', '.join(data) or 'nothing'}.",
            where=where,
            remedy="Show it with a kpi_lib display object, or give it text/markdown or image/svg+xml.",
        )
    if kind == "text/markdown":
        paper.blocks.append(data[kind])
    elif kind == "text/plain":
        paper.blocks.append(_preformatted(data[kind]))
    else:
        vector = kind == "image/svg+xml"
        meta = output.metadata.get(kind, {})
        alt = (meta.get("alt") if hasattr(meta, "get") else None) or output.metadata.get("alt") or ""
        content = data[kind].encode() if vector else base64.b64decode(data[kind])
        alt = alt or (alternative_text(data[kind]) if vector else "")
        paper.add_figure(content, "svg" if vector else "png", alt, where)


def _append(whole: Manuscript, paper: Manuscript) -> None:
    """Add a chapter; its figures get new names."""
    names = {
        name: f"figure-{len(whole.figures) + place}" + Path(name).suffix
        for place, name in enumerate(paper.figures, 1)
    }
    for block in paper.blocks:
        for old, new in names.items():
            if block.startswith(f'```{{=typst}}\n#chart("{old}",'):
                block = block.replace(old, new, 1)
                break
        whole.blocks.append(block)
    whole.figures |= {names[name]: data for name, data in paper.figures.items()}


def _typst(markdown: str) -> str:
    import pypandoc

    try:
        # A width beyond any line keeps pandoc from giving pipe tables relative column widths.
        return str(pypandoc.convert_text(markdown, "typst", format=_MARKDOWN, extra_args=["--columns=10000"]))
    except (RuntimeError, OSError) as error:
        raise ReportError(f"pandoc could not read the report's text: {error}.") from error


def _compile(main: Path, figures: int, context: SiteContext, out: Path) -> bytes:
    import typst

    compiler = typst.Compiler(main, root=main.parent, font_paths=_fonts())
    try:
        data, warnings = compiler.compile_with_warnings(
            format="pdf", pdf_standards=["ua-1"], timestamp=int(context.built_at.timestamp())
        )
        drawn = len(json.loads(compiler.query("image", field="alt")))
    except typst.TypstError as error:
        hints = " ".join(error.hints)
        raise ReportError(
            f"Typst refused the report: {error.message}.", where=str(out), remedy=hints
        ) from error
    if warnings:
        raise ReportError(f"Typst warned about the report: {warnings[0].message}.", where=str(out))
    if drawn < figures:
        raise ReportError(
            f"{figures - drawn} of {figures} charts did not reach the PDF.",
            where=str(out),
            remedy="The text before a chart probably leaves a block open.",
        )
    return data if isinstance(data, bytes) else b""


@functools.cache
def _fonts() -> Any:
    """Only the project's own fonts: the same file comes out on every machine."""
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[theme.FONTS])


def _run(context: SiteContext, heading: str, whose: str) -> dict[str, Any]:
    tokens = theme.tokens()
    at = context.built_at
    footer = (
        f"As of {context.as_of_words} · {context.status} · run {context.run_id} · code {context.code_version}"
    )
    return {
        "title": f"{heading} · {context.as_of_words}",
        "heading": heading,
        "site": whose,
        "as_of": context.as_of_words,
        "language": context.language,
        "built": {"year": at.year, "month": at.month, "day": at.day},
        "footer": footer,
        "banner": context.banner,
        "fonts": {"text": tokens.text, "serif": tokens.serif},
        "unprintable": theme.unprintable(),
        "colours": tokens.light,
    }


def _text(value: str) -> str:
    """Return a Typst string literal."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _preformatted(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}\n{text.rstrip()}\n{fence}"
