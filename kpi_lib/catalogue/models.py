"""The definitions of a domain as frozen models: what the TOML and CSV files may say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.periods import Calendar, Comparison, Window

Kind = Literal["sum", "ratio", "last", "average", "min", "max", "distinct"]
Format = Literal["currency", "number", "percent", "multiplier", "days"]
Direction = Literal["up", "down"]
WHOLE = "ALL"
Code = r"^[a-z][a-z0-9_]*$"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Kpi(_Model):
    """One KPI: what it means, how it aggregates, how it is shown.

    ``column`` is its column in the domain's mart (for a ratio: ``numerator`` and
    ``denominator`` instead); ``scale`` multiplies a ratio (100 stores points).
    ``terms`` states an identity: this KPI = the sum of coefficient × KPI.
    """

    id: int = Field(ge=1)
    code: str = Field(pattern=Code)
    name: str = Field(min_length=1, max_length=200)
    short: str = ""
    group: str
    kind: Kind
    format: Format = "number"
    unit: Literal["fraction", "points"] | None = None
    decimals: int = Field(default=0, ge=0, le=6)
    direction: Literal["up", "down", "neutral"] = "up"
    column: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    scale: float = Field(default=1.0, gt=0)
    terms: dict[str, int] = Field(default_factory=dict)
    total: bool = False
    definition: str
    why: str = ""
    edge_cases: str = ""
    since: dt.date | None = None
    version: int = Field(default=1, ge=1)
    owner: str = ""

    @property
    def title(self) -> str:
        """The short name where there is one, else the name."""
        return self.short or self.name


class Entity(_Model):
    """One row of ``entities.csv``. ``rule`` names the source value that is assigned to it."""

    id: int = Field(ge=0)
    code: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    name: str
    type: str
    parent: str | None = None
    opened: dt.date | None = None
    closed: dt.date | None = None
    rule: str | None = None


class Group(_Model):
    """A group of KPIs on a page."""

    code: str = Field(pattern=Code)
    name: str


class Column(_Model):
    """A source column: its GoogleSQL type, whether null is allowed, its accepted values."""

    name: str
    type: Literal["STRING", "INT64", "FLOAT64", "NUMERIC", "BOOL", "DATE", "DATETIME", "TIMESTAMP"]
    nullable: bool = True
    values: tuple[str, ...] = ()
    minimum: float | None = None
    personal: bool = False


class Source(_Model):
    """A source table: its layer, columns, key and the column that gives its business date."""

    name: str
    layer: str = "raw"
    required: bool = True
    key: tuple[str, ...]
    date_column: str | None = None
    description: str = ""
    columns: tuple[Column, ...]


class Model(_Model):
    """A table of ours built by one SQL file (a SELECT), in the order of the list."""

    table: str
    sql: str
    date_column: str | None = None


class Report(_Model):
    """A report: its notebook, and for which items it is repeated."""

    name: str = Field(pattern=Code)
    notebook: str
    title: str
    foreach: Literal["kpi", "entity", "person"] | None = None
    html: bool = True
    pdf: bool = False
    nav: str = ""


Item = TypeVar("Item", Kpi, Entity)


class Target(_Model):
    """What a metric or KPI should reach.

    ``period`` is ``FY2026`` (a fiscal year), ``2026``, ``2026-Q4`` or ``2026-11``; ``unit`` repeats how the
    figure is stored (``USD``, ``count``, ``fraction``, ``points``, ``times``, ``days``), so that 105 is never
    taken for 1.05. ``green`` and ``amber`` are shares of what is expected; where lower is better they are
    turned round.
    """

    domain: str
    metric: str
    entity: str = WHOLE
    period: str
    target: float
    unit: str
    direction: Direction
    green: float = Field(default=1.0, gt=0, le=2)
    amber: float = Field(default=0.95, gt=0, le=2)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What there is one target for."""
        return self.domain, self.metric, self.entity, self.period


class Catalogue(_Model):
    """Everything that is defined about a domain.

    Look a KPI or an entity up by id or code with :meth:`kpi` and :meth:`entity`;
    an unknown name raises :class:`~kpi_lib.errors.DefinitionError` with "did you mean".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    domain: str = Field(pattern=Code)
    title: str
    folder: Path
    currency: str = "USD"
    calendar: Calendar
    kpis: tuple[Kpi, ...]
    groups: tuple[Group, ...]
    entities: tuple[Entity, ...]
    windows: tuple[Window, ...]
    comparisons: tuple[Comparison, ...]
    sources: tuple[Source, ...] = ()
    models: tuple[Model, ...] = ()
    reports: tuple[Report, ...] = ()
    layers: dict[str, str] = Field(default_factory=dict)
    mart: str = ""
    events: str = ""
    headline: str = ""
    cards: tuple[str, ...] = ()
    contributions: tuple[str, ...] = ()
    stated_targets: tuple[Target, ...] | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The domain's targets: those stated, else the project's ``targets.json``, read and checked."""
        if self.stated_targets is not None:
            return self.stated_targets
        from kpi_lib.catalogue.targets import project_targets

        return project_targets(self)

    @property
    def has_scorecard(self) -> bool:
        """Whether the domain has metrics and detail views beside, or instead of, daily KPIs."""
        return (self.folder / "metrics.toml").is_file()

    def kpi(self, key: str | int) -> Kpi:
        """Return the KPI with this id or code."""
        return _find(self.kpis, key, "KPI", self.domain)

    def entity(self, key: str | int) -> Entity:
        """Return the entity with this id or code."""
        return _find(self.entities, key, "entity", self.domain)

    def window(self, name: str) -> Window:
        """Return the window of this name."""
        for window in self.windows:
            if window.name == name:
                return window
        raise DefinitionError(
            f"There is no window '{name}' in domain '{self.domain}'.",
            remedy=did_you_mean(name, (window.name for window in self.windows)),
        )

    def in_group(self, group: str) -> tuple[Kpi, ...]:
        """Return the KPIs of a group in catalogue order."""
        return tuple(kpi for kpi in self.kpis if kpi.group == group)


def _find(items: Iterable[Item], key: str | int, what: str, domain: str) -> Item:
    rows = tuple(items)
    for item in rows:
        if key in (item.id, item.code):
            return item
    either = f" A code or an id will do, e.g. '{rows[0].code}' or {rows[0].id}." if rows else ""
    raise DefinitionError(
        f"There is no {what} '{key}' in domain '{domain}'.",
        remedy=f"{did_you_mean(str(key), (item.code for item in rows))}{either}",
    )
