"""Read a domain's folder into a :class:`Catalogue`, reporting every problem at once."""

from __future__ import annotations

import csv
import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kpi_lib.catalogue.checks import Problem, check_definitions
from kpi_lib.catalogue.models import Catalogue, Entity, Group, Kpi, Model, Report, Source
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS, find_root, load_settings
from kpi_lib.catalogue.source_rules import stray_columns
from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.periods import PRIOR_YEAR, STANDARD_WINDOWS, Calendar, Comparison, Window

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
SCORECARD = "metrics.toml"
SEED_WINDOWS = ("mtd", "qtd", "ytd", "last28")
DOMAIN_KEYS = {
    "title", "currency", "mart", "events", "headline", "cards", "contributions", "calendar", "windows",
    "comparisons", "groups", "models", "reports", "layers",
}  # fmt: skip


def load_catalogue(domain: str | Path) -> Catalogue:
    """Read the definitions of a domain.

    Parameters
    ----------
    domain
        A domain's name, or the folder that holds its ``domain.toml``.

    Returns
    -------
    Catalogue
        Frozen and checked.

    Raises
    ------
    DefinitionError
        With every problem found; ``issues`` holds :class:`~kpi_lib.catalogue.checks.Problem` rows.
    """
    folder = _folder(domain)
    catalogue, problems = read(folder)
    if problems or catalogue is None:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise DefinitionError(
            f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the definitions:\n{listed}",
            where=str(folder),
            issues=problems,
        )
    return catalogue


def read(folder: Path) -> tuple[Catalogue | None, list[Problem]]:
    """Return the catalogue (None when it cannot be put together) and every problem found."""
    reader = _DomainReader(folder)
    catalogue = reader.catalogue()
    if catalogue is not None:
        reader.problems.extend(check_definitions(catalogue))
    return catalogue, reader.problems


def _folder(domain: str | Path) -> Path:
    path = Path(domain)
    if (path / "domain.toml").is_file():
        return path.resolve()
    if isinstance(domain, Path) or len(path.parts) > 1:
        raise DefinitionError("There is no domain.toml in this folder.", where=str(domain))
    if find_root() is not None:
        return load_settings().domain_folder(domain)
    shipped = SHIPPED_DOMAINS / domain
    if (shipped / "domain.toml").is_file():
        return shipped
    known = [item.parent.name for item in SHIPPED_DOMAINS.glob("*/domain.toml")]
    raise DefinitionError(f"There is no domain '{domain}'.", remedy=did_you_mean(domain, known))


class _DomainReader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def catalogue(self) -> Catalogue | None:
        data = self._toml("domain.toml")
        for key in sorted(set(data) - DOMAIN_KEYS):
            self._problem("domain.toml", key, "this key is unknown.", did_you_mean(key, DOMAIN_KEYS))
        fields: dict[str, Any] = {
            key: data[key]
            for key in ("title", "currency", "mart", "events", "headline", "cards", "contributions", "layers")
            if key in data
        }
        fields["calendar"] = self._build(
            "domain.toml", "calendar", Calendar, {"name": self.folder.name, **data.get("calendar", {})}
        )
        fields["windows"] = self._windows(data.get("windows", {}))
        fields["comparisons"] = self._comparisons(data.get("comparisons", []))
        fields["groups"] = self._rows("domain.toml", "groups", Group, data.get("groups", []))
        fields["models"] = self._rows("domain.toml", "models", Model, data.get("models", []))
        fields["reports"] = self._rows("domain.toml", "reports", Report, data.get("reports", []))
        fields["kpis"] = self._kpis()
        fields["entities"] = self._entities()
        fields["sources"] = self._sources()
        if self.problems:
            return None
        return self._build(
            "domain.toml", "", Catalogue, {"domain": self.folder.name, "folder": self.folder, **fields}
        )

    def _problem(self, file: str, key: str, what: str, remedy: str = "") -> None:
        self.problems.append(Problem(str(self.folder / file), key, what, remedy))

    def _toml(self, name: str) -> dict[str, Any]:
        try:
            return tomllib.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._problem(name, "", "the file is missing.")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self._problem(name, "", f"this is not valid TOML: {error}.")
        return {}

    def _build(self, file: str, key: str, make: Callable[..., T], values: Mapping[str, Any]) -> T | None:
        try:
            return make(**values)
        except ValidationError as error:
            fields = getattr(make, "model_fields", {})
            for item in error.errors():
                place = ".".join(map(str, item["loc"]))
                known = item["type"] == "extra_forbidden"
                remedy = did_you_mean(str(item["loc"][-1]), fields) if known else ""
                self._problem(file, f"{key}.{place}".strip("."), f"{item['msg']}.", remedy)
        except TypeError as error:
            fields = (
                [field.name for field in dataclasses.fields(make)] if dataclasses.is_dataclass(make) else []
            )
            unknown = [name for name in values if fields and name not in fields]
            for name in unknown:
                self._problem(file, f"{key}.{name}", "this key is unknown.", did_you_mean(name, fields))
            if not unknown:
                self._problem(file, key, f"{error}.")
        except DefinitionError as error:
            self._problem(file, key, error.what, error.remedy)
        return None

    def _rows(self, file: str, key: str, make: type[M], rows: object) -> tuple[M, ...]:
        if not isinstance(rows, list):
            self._problem(file, key, "this must be a list of tables.", f"Write [[{key}]] before each one.")
            return ()
        made = [
            self._build(file, f"{key}[{row.get('code', row.get('name', number))}]", make, row)
            for number, row in enumerate(rows, start=1)
        ]
        return tuple(item for item in made if item is not None)

    def _windows(self, data: Mapping[str, Any]) -> tuple[Window, ...]:
        windows = [STANDARD_WINDOWS[name] for name in SEED_WINDOWS]
        for key in sorted(set(data) - {"add", "define"}):
            self._problem(
                "domain.toml", f"windows.{key}", "this key is unknown.", did_you_mean(key, ["add", "define"])
            )
        for name in data.get("add", []):
            if name in STANDARD_WINDOWS:
                windows.append(STANDARD_WINDOWS[name])
            else:
                self._problem(
                    "domain.toml", f"windows.add[{name}]", "this is no standard window.",
                    did_you_mean(name, STANDARD_WINDOWS) + " Declare your own as [[windows.define]].",
                )  # fmt: skip
        for row in data.get("define", []):
            window = self._build("domain.toml", f"windows.define[{row.get('name')}]", Window, row)
            windows.extend([window] if window is not None else [])
        return tuple(dict.fromkeys(windows))

    def _comparisons(self, rows: list[dict[str, Any]]) -> tuple[Comparison, ...]:
        made = [self._build("domain.toml", "comparisons", Comparison, row) for row in rows]
        return tuple(dict.fromkeys([PRIOR_YEAR, *(item for item in made if item is not None)]))

    def _only_scorecard(self, name: str) -> bool:
        """Whether a file of the daily KPIs may be missing: a domain can have a scorecard instead."""
        return (self.folder / SCORECARD).is_file() and not (self.folder / name).is_file()

    def _kpis(self) -> tuple[Kpi, ...]:
        if self._only_scorecard("kpis.toml"):
            return ()
        data = self._toml("kpis.toml")
        defaults = data.get("defaults", {})
        return self._rows("kpis.toml", "kpis", Kpi, [_kpi(defaults, row) for row in data.get("kpis", [])])

    def _entities(self) -> tuple[Entity, ...]:
        if self._only_scorecard("entities.csv"):
            return ()
        try:
            text = (self.folder / "entities.csv").read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            self._problem("entities.csv", "", "the file is missing.", "It needs at least the row 0,ALL.")
            return ()
        rows = list(csv.DictReader(text.splitlines()))
        made = []
        for number, row in enumerate(rows, start=2):
            values = {key: value.strip() for key, value in row.items() if key and value and value.strip()}
            made.append(self._build("entities.csv", f"line {number}", Entity, values))
        return tuple(item for item in made if item is not None)

    def _sources(self) -> tuple[Source, ...]:
        if not (self.folder / "sources.toml").is_file():
            return ()
        rows = self._toml("sources.toml").get("sources", [])
        for source, part, column, remedy in stray_columns(rows):
            self._problem("sources.toml", f"{source}.{part}", f"there is no column '{column}'.", remedy)
        return self._rows("sources.toml", "sources", Source, [_source(row) for row in rows])


def _kpi(defaults: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    values = {**defaults, **row}
    # A KPI reads the mart's column of its own code unless it names another.
    if values.get("kind") != "ratio" and "column" not in values and "code" in values:
        values["column"] = values["code"]
    return values


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(row)
    accepted = values.pop("values", {})
    minima = values.pop("minimum", {})
    personal = values.pop("personal", [])
    values["columns"] = [
        {
            "name": name,
            "type": str(kind).removesuffix("!"),
            "nullable": not str(kind).endswith("!"),
            "values": tuple(accepted.get(name, ())),
            "minimum": minima.get(name),
            "personal": name in personal,
        }
        for name, kind in values.get("columns", {}).items()
    ]
    return values
