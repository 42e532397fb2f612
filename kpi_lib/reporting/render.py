"""Two renderers behind one interface: Quarto where it is found, else the embedded one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from kpi_lib.errors import UsageError, did_you_mean
from kpi_lib.reporting.context import SiteContext
from kpi_lib.reporting.quarto import QuartoRenderer, find_quarto, require_quarto
from kpi_lib.reporting.runner import NotebookResult

RendererName = Literal["auto", "quarto", "embedded"]
NAMES = ("auto", "quarto", "embedded")


class Renderer(Protocol):
    """Makes pages and documents from executed notebooks."""

    @property
    def name(self) -> str:
        """What the log and the pages call it."""

    def render_pages(
        self, results: Sequence[NotebookResult], out_dir: Path, context: SiteContext
    ) -> list[Path]:
        """Write each result's page, and the assets, below the site's root folder."""

    def render_pdf(
        self,
        result: NotebookResult | Sequence[NotebookResult],
        out_file: Path,
        context: SiteContext,
        title: str = "",
    ) -> Path:
        """Write one tagged PDF of one or several notebooks."""

    def render_archive(self, site: Path, context: SiteContext) -> Path | None:
        """Make the archive's list anew in the renderer's own way; None where the site's own stands."""


class EmbeddedRenderer:
    """nbconvert for pages, pandoc and Typst for PDF: all from PyPI."""

    name = "embedded"

    def render_pages(
        self, results: Sequence[NotebookResult], out_dir: Path, context: SiteContext
    ) -> list[Path]:
        """Write each result's page, and the assets, below the site's root folder."""
        from kpi_lib.reporting.html import write_pages

        return write_pages(results, out_dir, context)

    def render_pdf(
        self,
        result: NotebookResult | Sequence[NotebookResult],
        out_file: Path,
        context: SiteContext,
        title: str = "",
    ) -> Path:
        """Write one tagged PDF of one or several notebooks."""
        from kpi_lib.reporting.pdf import write_pdf

        results = [result] if isinstance(result, NotebookResult) else list(result)
        return write_pdf(results, out_file, context, title)

    def render_archive(self, site: Path, context: SiteContext) -> Path | None:
        """Leave the site's own list as it is."""
        return None


def choose_renderer(name: str = "auto", project: Path | None = None) -> Renderer:
    """Return the renderer to use.

    Parameters
    ----------
    name
        ``quarto``, ``embedded``, or ``auto``: Quarto where a usable one is found.
    project
        The Quarto project's folder; by default ``reports`` beside ``kpi.toml``.

    Raises
    ------
    UsageError
        When the name is unknown, or Quarto was asked for and is missing or too old.
    """
    if name == "embedded":
        return EmbeddedRenderer()
    if name == "quarto":
        return QuartoRenderer(require_quarto(), project)
    if name == "auto":
        found = find_quarto()
        usable = found is not None and found.usable
        return QuartoRenderer(found, project) if found is not None and usable else EmbeddedRenderer()
    raise UsageError(f"There is no renderer '{name}'.", where="--renderer", remedy=did_you_mean(name, NAMES))
