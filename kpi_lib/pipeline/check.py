"""``kpi check``: every problem of the definitions at once."""

from __future__ import annotations

from pathlib import Path

import sqlglot
from sqlglot import exp

from kpi_lib.catalogue import Catalogue, Problem, Settings, read
from kpi_lib.catalogue.profile_checks import check_profiles
from kpi_lib.catalogue.scorecard import scorecard_of
from kpi_lib.catalogue.targets import load_targets
from kpi_lib.compute.distinct import EVENT_COLUMNS
from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.frames import WINDOW_COLUMNS
from kpi_lib.periods import DATE_DIMENSION
from kpi_lib.pipeline.check_published import check_published
from kpi_lib.pipeline.check_sql import check_model_columns
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.quality import check_suites
from kpi_lib.warehouse.tables import comparison_names, dashboard_column


def check(settings: Settings, domains: tuple[str, ...] = ()) -> list[Problem]:
    """Return every problem in the settings' domains.

    Definitions, SQL, notebooks, expectations; and, where tables are published, what they say against them.
    """
    problems: list[Problem] = []
    catalogues: list[Catalogue] = []
    for name in domains or settings.domains:
        try:
            folder = settings.domain_folder(name)
        except DefinitionError as error:
            problems.append(Problem(str(settings.root / "kpi.toml"), "domains", error.what, error.remedy))
            continue
        catalogue, found = read(folder)
        problems += found
        if catalogue is not None:
            catalogues.append(catalogue)
            workspace = Workspace(settings, domains=(name,))
            problems += _check_windows(catalogue)
            problems += _check_columns(catalogue)
            problems += _check_events(catalogue)
            problems += check_model_columns(catalogue)
            problems += _check_reports(workspace, catalogue)
            problems += _check_suites(workspace, catalogue)
            if settings.default_profile in settings.profiles:
                problems += check_published(settings.profile(None), catalogue)
            problems += _check_scorecard(catalogue)
            problems += _check_targets(settings, catalogue)
    problems += check_profiles(settings, catalogues)
    return list(dict.fromkeys(problems))


def _check_windows(catalogue: Catalogue) -> list[Problem]:
    """Return the windows that no date can fill, and those whose columns another one has already."""
    file = str(catalogue.folder / "domain.toml")
    first, last = DATE_DIMENSION
    problems = [
        Problem(
            file,
            f"windows.define[{window.name}]",
            f"it runs from {window.start} to {window.end}, outside the calendar.",
            f"Choose dates from {first} to {last}.",
        )
        for window in catalogue.windows
        if window.start and window.end and not first <= window.start <= window.end <= last
    ]
    taken: dict[str, str] = {}
    plain, *others = comparison_names(catalogue)
    for window in catalogue.windows:
        for comparison in (plain, *others):
            columns = {dashboard_column(window.name, comparison, name, plain) for name in WINDOW_COLUMNS}
            for column in sorted(columns):
                owner = taken.setdefault(column, window.name)
                if owner != window.name:
                    what = f"its column '{column}' of the dashboard belongs to window '{owner}' already."
                    problems.append(Problem(file, f"windows[{window.name}]", what, "Rename one of them."))
                    break
    return problems


def _check_scorecard(catalogue: Catalogue) -> list[Problem]:
    try:
        scorecard_of(catalogue)
    except DefinitionError as error:
        return [item for item in error.issues if isinstance(item, Problem)]
    return []


def _check_targets(settings: Settings, catalogue: Catalogue) -> list[Problem]:
    try:
        load_targets(settings.targets, (catalogue,))
    except DefinitionError as error:
        found = [item for item in error.issues if isinstance(item, Problem)]
        return found or [Problem(error.where or str(settings.targets), "", error.what, error.remedy)]
    return []


def _check_columns(catalogue: Catalogue) -> list[Problem]:
    """Return the KPIs that name a column which the mart's SQL does not give."""
    model = next((item for item in catalogue.models if item.table == catalogue.mart), None)
    if model is None:
        return []
    columns, problem = select_columns(catalogue.folder / "sql" / model.sql)
    if problem:
        return [problem]
    file = str(catalogue.folder / "kpis.toml")
    return [
        Problem(
            file, f"{kpi.code}.{side}", f"{model.table} has no column '{name}'.", did_you_mean(name, columns)
        )
        for kpi in catalogue.kpis
        for side, name in (
            ("column", kpi.column),
            ("numerator", kpi.numerator),
            ("denominator", kpi.denominator),
        )
        if name is not None and name not in columns
    ]


def _check_events(catalogue: Catalogue) -> list[Problem]:
    """Return the columns that events need and their SQL does not give."""
    model = next((item for item in catalogue.models if item.table == catalogue.events), None)
    if model is None:
        return []
    place = catalogue.folder / "sql" / model.sql
    columns, problem = select_columns(place)
    if problem:
        return [problem]
    return [
        Problem(str(place), name, f"events need a column '{name}'.", did_you_mean(name, columns))
        for name in EVENT_COLUMNS
        if name not in columns
    ]


def select_columns(file: Path) -> tuple[list[str], Problem | None]:
    """Return the output columns of a GoogleSQL SELECT, or the problem that hides them."""
    try:
        query = sqlglot.parse_one(file.read_text(encoding="utf-8"), read="bigquery")
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError) as error:
        return [], Problem(str(file), "", f"this is not valid GoogleSQL: {error}.")
    if not isinstance(query, exp.Query):
        return [], Problem(
            str(file), "", "this is no SELECT.", "Write one SELECT; the build makes the table."
        )
    return list(query.named_selects), None


def _check_reports(workspace: Workspace, catalogue: Catalogue) -> list[Problem]:
    file = str(catalogue.folder / "domain.toml")
    return [
        Problem(file, f"reports[{report.name}].notebook", f"there is no notebook '{report.notebook}'.")
        for report in catalogue.reports
        if not workspace.notebooks(catalogue, report.notebook).is_file()
    ]


def _check_suites(workspace: Workspace, catalogue: Catalogue) -> list[Problem]:
    folder = workspace.expectations(catalogue)
    if not folder.is_dir():
        return []
    try:
        check_suites(catalogue, folder)
    except DefinitionError as error:
        return [Problem(error.where or str(folder), "", error.what, error.remedy)]
    return []
