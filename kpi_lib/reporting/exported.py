"""What the exports hold of a domain: the same figures as its pages, without anything of a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.errors import ReportError
from kpi_lib.reporting.board import Board
from kpi_lib.reporting.brief import BriefReader
from kpi_lib.reporting.checked import without_persons
from kpi_lib.reporting.data import ReportData

#: More roll-up rows than this make a slow workbook: then only the whole is written, and the API has the rest.
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Exported:
    """A domain's figures of one day.

    Parameters
    ----------
    catalogue, as_of, watermark
        The definitions, the day, and how far the sources reach.
    headline
        The sentence of its page.
    report, board
        The figures of daily KPIs and of the company's scorecard, where the domain has them.
    rollups
        The long frame of the day, of every entity; of the whole alone where that would be too much.
    checks
        What the gate found this night.
    complete
        Whether ``rollups`` has every entity.
    error
        Why the figures are not of this night.
    """

    catalogue: Catalogue
    as_of: dt.date
    watermark: dt.date
    headline: str
    report: ReportData | None = None
    board: Board | None = None
    rollups: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    checks: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    complete: bool = True
    error: str = ""


def load_exported(
    wh: BriefReader,
    as_of: dt.date,
    headline: str,
    *,
    report: ReportData | None,
    board: Board | None,
    error: str = "",
) -> Exported:
    """Read what the exports hold of a domain.

    Raises
    ------
    ReportError
        When the board is a person's: those leave by no export.
    """
    catalogue = wh.catalogue
    if board is not None and (board.person or any(item.metric.personal for item in board.standings)):
        raise ReportError("A person's metrics do not belong into the exports.", where=catalogue.domain)
    each = len(catalogue.kpis) * len(catalogue.windows) * len(catalogue.comparisons)
    complete = each * len(catalogue.entities) <= MOST_ROWS
    entities = [item.code for item in catalogue.entities] if complete else ["ALL"]
    frames = [wh.rollups(as_of=as_of, entity=code) for code in entities] if catalogue.kpis else []
    frames = [frame for frame in frames if len(frame)]
    return Exported(
        catalogue=catalogue,
        as_of=as_of,
        watermark=wh.watermark(),
        headline=headline,
        report=replace(report, reader=None) if report is not None else None,
        board=replace(board, reader=None) if board is not None else None,
        rollups=pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(),
        checks=without_persons(wh.checks(1), board.scorecard if board is not None else None),
        complete=complete,
        error=error,
    )
