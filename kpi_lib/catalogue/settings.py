"""``kpi.toml``: what an operator changes, read into frozen models."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.profiles import BigQueryProfile, Deadlines, DuckDBProfile, Profile
from kpi_lib.errors import DefinitionError, did_you_mean

FILE = "kpi.toml"
_KINDS: Mapping[str, type[BaseModel]] = {"duckdb": DuckDBProfile, "bigquery": BigQueryProfile}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
#: What lies in the output folder, where every profile but the default one has a folder of its own.
_TAKEN = ("site", "pdf", "private", "runs", "state", "cache")
SHIPPED_DOMAINS = Path(__file__).resolve().parent.parent / "domains"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Site(_Model):
    """The published site."""

    title: str = "KPI report"
    stale_after_hours: float = Field(default=25, gt=0)


class Retention(_Model):
    """How many published releases and run folders are kept."""

    releases: int = Field(default=3, ge=1)
    runs: int = Field(default=60, ge=1)


class NotebookLimits(_Model):
    """Seconds and memory that one notebook may take, and how many run at once."""

    workers: int = Field(default=2, ge=1, le=32)
    start_seconds: float = Field(default=30, gt=0)
    cell_seconds: float = Field(default=60, gt=0)
    total_seconds: float = Field(default=180, gt=0)
    memory_mb: int = Field(default=2048, ge=256)


class Settings(_Model):
    """The whole of ``kpi.toml``; ``root`` is the folder it lies in."""

    root: Path
    default_profile: str = "local"
    domains: tuple[str, ...] = ("winery",)
    domain_folders: tuple[Path, ...] = ()
    landing: Path = Path("data/landing")
    output: Path = Path("build")
    targets: Path = Path("targets.json")
    time_zone: str = "America/Los_Angeles"
    site: Site = Site()
    retention: Retention = Retention()
    notebooks: NotebookLimits = NotebookLimits()
    profiles: dict[str, Profile] = Field(default_factory=lambda: dict[str, Profile](local=DuckDBProfile()))

    @field_validator("profiles")
    @classmethod
    def _named(cls, value: dict[str, Profile]) -> dict[str, Profile]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"'{name}' is no profile's name: letters, digits, - and _, at most 63 of them"
                )
            if name.lower() in _TAKEN:
                raise ValueError(
                    f"a profile cannot be called '{name}': the output folder has something so called"
                )
        return value

    def profile(self, name: str | None = None) -> Profile:
        """Return the named profile, or the default one."""
        wanted = name or self.default_profile
        if wanted not in self.profiles:
            raise DefinitionError(
                f"There is no profile '{wanted}'.",
                where=str(self.root / FILE),
                remedy=did_you_mean(wanted, self.profiles),
            )
        return self.profiles[wanted]

    def warehouse_file(self, name: str) -> Path:
        """Return the file that a profile's reports read; its releases lie beside it."""
        profile = self.profile(name)
        return profile.path if isinstance(profile, DuckDBProfile) else self.root / "data" / f"{name}.duckdb"

    def output_of(self, name: str) -> Path:
        """Return where a profile's nights write: the output folder, or one of its own in it.

        No other profile's pages, runs or counts may lie there
        (``docs/adr/0012-every-profile-has-its-own-place.md``).
        """
        return self.output if name == self.default_profile else self.output / name

    def domain_folder(self, name: str) -> Path:
        """Return the folder of a domain: the user's own folders first, then the shipped ones."""
        for parent in (*self.domain_folders, SHIPPED_DOMAINS):
            if (parent / name / "domain.toml").is_file():
                return parent / name
        known = [
            path.parent.name
            for parent in (*self.domain_folders, SHIPPED_DOMAINS)
            for path in parent.glob("*/domain.toml")
        ]
        raise DefinitionError(f"There is no domain '{name}'.", remedy=did_you_mean(name, known))


def find_root(start: Path | None = None) -> Path | None:
    """Return the nearest folder at or above ``start`` (default: here) that holds ``kpi.toml``."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    return None


def load_settings(path: Path | str | None = None) -> Settings:
    """Read ``kpi.toml``.

    Parameters
    ----------
    path
        The file; by default ``$KPI_TOML``, else the nearest ``kpi.toml`` at or above the current folder.

    Returns
    -------
    Settings
        With every path made absolute.

    Raises
    ------
    DefinitionError
        When it is missing, is not TOML, or holds an unknown or wrong value.
    """
    file = _locate(path)
    try:
        data: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"This is not valid TOML: {error}.", where=str(file)) from error
    root = file.parent
    try:
        settings = Settings(root=root, **data)
    except ValidationError as error:
        problems = [_problem(file, item) for item in error.errors()]
        raise DefinitionError(
            "\n  ".join(f"{item.key}: {item.what} {item.remedy}".rstrip() for item in problems),
            where=str(file),
            issues=problems,
        ) from error
    except TypeError as error:
        raise DefinitionError(f"'root' cannot be set here: {error}.", where=str(file)) from error
    settings = settings.model_copy(
        update={
            "landing": root / settings.landing,
            "output": root / settings.output,
            "targets": root / settings.targets,
            "domain_folders": tuple(root / folder for folder in settings.domain_folders),
            "profiles": {name: _rooted(profile, root) for name, profile in settings.profiles.items()},
        }
    )
    _refuse_one_place_for_two(settings, file)
    return settings


def _refuse_one_place_for_two(settings: Settings, file: Path) -> None:
    """Refuse profiles that would publish over one another."""
    owners: dict[str, str] = {}
    for name in settings.profiles:
        place = settings.warehouse_file(name)
        owner = owners.setdefault(os.path.normpath(place.with_suffix("")).casefold(), name)
        if owner != name:
            raise DefinitionError(
                f"The profiles '{owner}' and '{name}' would keep their figures in one place: {place}.",
                where=str(file),
                remedy='Give one of them another name or, where it is kind = "duckdb", a path of its own.',
            )


def _rooted(profile: Profile, root: Path) -> Profile:
    """Return a profile whose paths are absolute."""
    if isinstance(profile, DuckDBProfile):
        return profile.model_copy(update={"path": root / profile.path})
    if profile.key_file is None:
        return profile
    return profile.model_copy(update={"key_file": root / profile.key_file.expanduser()})


def _problem(file: Path, item: Mapping[str, Any]) -> Problem:
    """Return one of pydantic's findings: the place in the file, what is wrong there, what would be right."""
    place = [str(part) for part in item["loc"]]
    if item["type"] == "union_tag_invalid":
        return Problem(
            str(file), ".".join([*place, "kind"]), "There is no such kind of warehouse.",
            did_you_mean(str(item["ctx"]["tag"]), _KINDS),
        )  # fmt: skip
    kind = ""
    if len(place) > 2 and _in_profile(place):
        # Between the profile's name and its key pydantic puts the kind that it chose.
        kind = place.pop(2)
    remedy = ""
    if item["type"] == "extra_forbidden":
        remedy = did_you_mean(place[-1], _known(place, kind))
    return Problem(str(file), ".".join(place), f"{item['msg'].removeprefix('Value error, ')}.", remedy)


def _in_profile(place: Sequence[str]) -> bool:
    return len(place) > 1 and place[0] == "profiles"


def _known(place: Sequence[str], kind: str) -> list[str]:
    """Return the keys that a table of the file may have."""
    if _in_profile(place):
        model: type[BaseModel] = Deadlines if place[-2] == "deadlines" else _KINDS[kind]
    else:
        field = Settings.model_fields.get(place[0]) if len(place) > 1 else None
        section = field.annotation if field else Settings
        model = section if isinstance(section, type) and issubclass(section, BaseModel) else Settings
    return [name for name in model.model_fields if name != "root"]


def _locate(path: Path | str | None) -> Path:
    named = path or os.environ.get("KPI_TOML")
    if named:
        file = Path(named).resolve()
        if not file.is_file():
            raise DefinitionError("The settings file does not exist.", where=str(file))
        return file
    root = find_root()
    if root is None:
        raise DefinitionError(
            f"No {FILE} was found here or in a folder above.",
            where=str(Path.cwd()),
            remedy="Change into the project's folder, or name the file with --settings.",
        )
    return root / FILE
