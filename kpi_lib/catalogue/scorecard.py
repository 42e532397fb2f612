"""The scorecard of a domain: its metrics, who answers for them and the views behind them.

Metrics, views and models are GoogleSQL files in the domain's ``sql`` folder. Two kinds of placeholder stand
in them, because a column cannot be named by a query parameter: a line that holds ``{year}`` is repeated for
every fiscal year, and ``{fiscal_year}`` and ``{prior_fiscal_year}`` are the years of the scorecard. Only
whole numbers are ever put in.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.load import _DomainReader
from kpi_lib.catalogue.models import Catalogue, Code, Format, Model, _Model
from kpi_lib.errors import DefinitionError, did_you_mean

COMPANY = "company"
FILE = "metrics.toml"
OWNERS = "owners.csv"
#: What the SQL files may use: GoogleSQL types by parameter. ``person_name`` only with a ``person_column``.
PARAMETERS: Mapping[str, str] = {
    "time_zone": "STRING", "as_of": "DATE", "fiscal_year": "INT64", "person_name": "STRING",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
#: What may stand in a metric's ``basis``.
BASIS = ("fiscal_year", "prior_fiscal_year", "day")
_PLACEHOLDERS = ("year", "fiscal_year", "prior_fiscal_year")
_KEYS = ("models", "views", "metrics", "defaults")
_PERSON = re.compile(r"@person_name\b")


class Metric(_Model):
    """One figure of the scorecard and everything a reader may ask about it.

    ``beside`` names the metric on whose card this one is shown, and ``basis`` says in a few words what it
    sets against what, so that two on a card can be told apart; {fiscal_year}, {prior_fiscal_year} and {day}
    are filled in. ``view`` is the detail view whose rows explain it, and ``phased`` says that it grows over
    the year, so that a target is judged by pace.
    ``dated`` says that today's sources still tell its value on an earlier date; a metric of things as they
    stand now has no past to be compared with.
    ``person_column`` is for a metric that is computed for each owner from their own rows, which its SQL
    selects with ``@person_name``; without it an owner answers for the company's figure. ``text`` is the
    SQL file.
    """

    key: str = Field(pattern=Code)
    label: str = Field(min_length=1)
    format: Format
    decimals: int = Field(default=0, ge=0, le=6)
    direction: Literal["up", "down", "neutral"] = "up"
    department: str = Field(min_length=1)
    definition: str = Field(min_length=1)
    why: str = Field(min_length=1)
    formula: str = Field(min_length=1)
    edge_cases: str = Field(min_length=1)
    source: str = Field(min_length=1)
    page: str = Field(pattern=Code)
    view: str = ""
    sql: str
    beside: str = ""
    basis: str = ""
    phased: bool = False
    dated: bool = True
    person_column: str = ""
    text: str = Field(default="", repr=False)

    @property
    def unit(self) -> Literal["fraction"] | None:
        """How a percent is stored: scorecards hold fractions (1.05)."""
        return "fraction" if self.format == "percent" else None

    @property
    def personal(self) -> bool:
        """Whether a person answers for it; such rows never reach the team's pages."""
        return self.department != COMPANY


class Owner(_Model):
    """One row of ``owners.csv``: who answers for a metric."""

    metric_key: str
    department: str
    person_name: str


class DetailView(_Model):
    """A view behind the headlines: the SELECT that makes it and the columns it must have.

    A column named ``…{year}`` stands for one column a fiscal year. ``deployed`` views exist on the cloud
    warehouse already: they are read there, not replaced, unless the profile says that they are ours.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    title: str
    grain: str
    definition: str
    deployed: bool = False
    sql: str
    columns: dict[str, str]
    text: str = Field(default="", repr=False)

    @property
    def table(self) -> str:
        """The logical table name."""
        return f"kpi.{self.name}"

    def columns_for(self, years: Iterable[int]) -> dict[str, str]:
        """Return column → GoogleSQL type with the fiscal years filled in."""
        found: dict[str, str] = {}
        for name, kind in self.columns.items():
            filled = [name.replace("{year}", str(year)) for year in years] if "{year}" in name else [name]
            found |= dict.fromkeys(filled, kind)
        return found


class Scorecard(_Model):
    """The scorecard's definitions; ``models`` are built first, then the views, then the metrics read them."""

    folder: Path
    models: tuple[Model, ...] = ()
    views: tuple[DetailView, ...] = ()
    metrics: tuple[Metric, ...]
    owners: tuple[Owner, ...] = ()

    def metric(self, key: str) -> Metric:
        """Return the metric of this key."""
        for metric in self.metrics:
            if metric.key == key:
                return metric
        raise DefinitionError(
            f"There is no metric '{key}'.",
            where=str(self.folder / FILE),
            remedy=did_you_mean(key, (metric.key for metric in self.metrics)),
        )

    def view(self, name: str) -> DetailView:
        """Return the detail view of this name."""
        for view in self.views:
            if view.name == name:
                return view
        raise DefinitionError(
            f"There is no detail view '{name}'.",
            where=str(self.folder / FILE),
            remedy=did_you_mean(name, (view.name for view in self.views)),
        )

    def owners_of(self, key: str) -> tuple[Owner, ...]:
        """Return who answers for a metric; nobody for one of the company's."""
        return tuple(owner for owner in self.owners if owner.metric_key == key)


def load_scorecard(folder: Path) -> Scorecard:
    """Read ``metrics.toml``, ``owners.csv`` and the SQL files of a domain's folder.

    Raises
    ------
    DefinitionError
        With every problem found; ``issues`` holds :class:`~kpi_lib.catalogue.checks.Problem` rows.
    """
    reader = _ScorecardReader(folder)
    scorecard = reader.scorecard()
    if scorecard is not None:
        reader.problems.extend(_check(scorecard))
    if scorecard is None or reader.problems:
        raise refusal(reader.problems, "the scorecard", str(folder))
    return scorecard


def scorecard_of(catalogue: Catalogue) -> Scorecard | None:
    """Return the scorecard of a domain, or None when it has none."""
    return load_scorecard(catalogue.folder) if catalogue.has_scorecard else None


def refusal(problems: list[Problem], what: str, where: str = "") -> DefinitionError:
    """Return the error that lists every problem."""
    listed = "\n".join(f"  {problem}" for problem in problems)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return DefinitionError(f"{count} in {what}:\n{listed}", where=where, issues=problems)


class _ScorecardReader(_DomainReader):
    def scorecard(self) -> Scorecard | None:
        data = self._toml(FILE)
        for key in sorted(set(data) - set(_KEYS)):
            self._problem(FILE, key, "this key is unknown.", did_you_mean(key, _KEYS))
        defaults = data.get("defaults", {})
        models = self._tables("models", "table", Model, data.get("models", []), {})
        views = self._tables("views", "name", DetailView, data.get("views", []), {}, "views")
        metrics = self._tables("metrics", "key", Metric, data.get("metrics", []), defaults, "metrics")
        owners = self._owners()
        if self.problems:
            return None
        return Scorecard(folder=self.folder, models=models, views=views, metrics=metrics, owners=owners)

    def _tables(
        self, key: str, name: str, make: Any, rows: object, defaults: Mapping[str, Any], folder: str = ""
    ) -> Any:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self._problem(FILE, key, "this must be a list of tables.", f"Write [[{key}]] before each one.")
            return ()
        made = []
        for number, row in enumerate(rows, start=1):
            place = f"{key}[{row.get(name, number)}]"
            values = {**defaults, **row}
            if folder and isinstance(row.get("sql"), str):
                values["text"] = self._sql(place, f"sql/{folder}/{row['sql']}")
            made.append(self._build(FILE, place, make, values))
        return tuple(item for item in made if item is not None)

    def _sql(self, place: str, file: str) -> str:
        try:
            text = (self.folder / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            self._problem(FILE, f"{place}.sql", f"there is no file {file} that can be read.")
            return ""
        for name in sorted(set(_PLACEHOLDER.findall(text)) - set(_PLACEHOLDERS)):
            remedy = did_you_mean(name, _PLACEHOLDERS)
            self._problem(file, f"{{{name}}}", "this placeholder is unknown.", remedy)
        return text

    def _owners(self) -> tuple[Owner, ...]:
        try:
            lines = (self.folder / OWNERS).read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            self._problem(OWNERS, "", f"it cannot be read: {error}.")
            return ()
        made = []
        for number, row in enumerate(csv.DictReader(lines), start=2):
            values = {str(key): value for key, value in row.items() if value}
            made.append(self._build(OWNERS, f"line {number}", Owner, values))
        return tuple(owner for owner in made if owner is not None)


def _check(card: Scorecard) -> Iterator[Problem]:
    file, keys = str(card.folder / FILE), [metric.key for metric in card.metrics]
    if not keys:
        yield Problem(file, "", "no metric is defined.", "Write [[metrics]].")
    views, tables = [view.name for view in card.views], [model.table for model in card.models]
    named = {"metrics": keys, "views": views, "models": tables}
    for key, names in named.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield Problem(file, key, f"'{name}' is defined {count} times.", "Give each one its own name.")
    for model in card.models:
        if not (card.folder / "sql" / model.sql).is_file():
            yield Problem(file, f"models[{model.table}].sql", f"there is no file sql/{model.sql}.")
    for metric in card.metrics:
        for field, known in (("view", views), ("beside", keys)):
            value = getattr(metric, field)
            if value and value not in known:
                remedy = did_you_mean(value, known)
                yield Problem(file, f"{metric.key}.{field}", f"there is no '{value}'.", remedy)
        for name in sorted(set(_PLACEHOLDER.findall(metric.basis)) - set(BASIS)):
            what = f"there is no placeholder '{{{name}}}'."
            yield Problem(file, f"{metric.key}.basis", what, did_you_mean(name, BASIS))
        if bool(metric.person_column) != bool(_PERSON.search(metric.text)):
            what = f"a person's own column goes with @person_name in {metric.sql}."
            yield Problem(file, f"{metric.key}.person_column", what, "Use both or neither.")
        yield from _check_owners(card, metric)
    for owner in card.owners:
        if owner.metric_key not in keys:
            remedy = did_you_mean(owner.metric_key, keys)
            yield Problem(str(card.folder / OWNERS), owner.metric_key, "there is no such metric.", remedy)


def _check_owners(card: Scorecard, metric: Metric) -> Iterator[Problem]:
    file, owners = str(card.folder / OWNERS), card.owners_of(metric.key)
    names = [owner.person_name for owner in owners]
    if not metric.personal and names:
        what = f"nobody answers for a company metric, not {names[0]}."
        yield Problem(file, metric.key, what, "Remove the line.")
    if metric.personal and not names:
        yield Problem(file, metric.key, "it has no owner.", "Add a line, or remove the metric.")
    if len(set(names)) != len(names) or (len(names) > 1 and not metric.person_column):
        what = f"{len(names)} people answer for it: {', '.join(names)}."
        yield Problem(file, metric.key, what, "Keep one line for a metric.")
    for owner in owners:
        if owner.department != metric.department:
            what = f"the department is '{owner.department}', but '{metric.department}' in {FILE}."
            yield Problem(file, metric.key, what, "Write the same one.")
