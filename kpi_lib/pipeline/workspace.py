"""What every use case needs: settings, profile, domains, places on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import kpi_lib
from kpi_lib.catalogue import Catalogue, Profile, Settings, load_catalogue
from kpi_lib.operations.release import Releases

PACKAGE = Path(kpi_lib.__file__).resolve().parent


@dataclass(frozen=True)
class Workspace:
    """The settings of a call, resolved.

    Parameters
    ----------
    settings
        From ``kpi.toml``.
    profile_name
        The profile that was asked for, or None for the default.
    domains
        The domains that were asked for; empty means those of ``kpi.toml``.
    """

    settings: Settings
    profile_name: str | None = None
    domains: tuple[str, ...] = ()

    @cached_property
    def profile(self) -> Profile:
        """The profile."""
        return self.settings.profile(self.profile_name)

    @property
    def name(self) -> str:
        """What the profile is called."""
        return self.profile_name or self.settings.default_profile

    @property
    def is_default(self) -> bool:
        """Whether the profile is the one that readers expect."""
        return self.name == self.settings.default_profile

    @property
    def output(self) -> Path:
        """The folder that the profile's nights write."""
        return self.settings.output_of(self.name)

    @cached_property
    def catalogues(self) -> tuple[Catalogue, ...]:
        """The definitions of the chosen domains."""
        names = self.domains or self.settings.domains
        return tuple(load_catalogue(self.settings.domain_folder(name)) for name in names)

    @cached_property
    def releases(self) -> Releases:
        """Where the profile's releases lie."""
        return Releases(self.settings.warehouse_file(self.name), self.output, self.name)

    @property
    def misled(self) -> tuple[str, ...]:
        """What to say when the address that readers open does not show the default profile's pages."""
        settings, name = self.settings, self.settings.default_profile
        theirs = Releases(settings.warehouse_file(name), settings.output_of(name), name)
        target = theirs.astray()
        if target is None:
            return ()
        return (
            f"{theirs.output / 'site'}, which readers open, leads to {target}: that is no release of the "
            f"default profile '{name}' ({theirs.folder}). Set `default_profile` in kpi.toml to the profile "
            "that readers shall see, then run `kpi nightly`.",
        )

    @property
    def runs(self) -> Path:
        """The folder of run folders."""
        return self.output / "runs"

    def landing(self, catalogue: Catalogue) -> Path:
        """Return the folder of a domain's landing files."""
        return self.settings.landing / catalogue.domain

    def notebooks(self, catalogue: Catalogue, name: str) -> Path:
        """Return a report's notebook: the domain's own one, or the generic one."""
        base = self.settings.root / "notebooks" / "reports"
        own = base / catalogue.domain / name
        return own if own.is_file() else base / name

    def expectations(self, catalogue: Catalogue) -> Path:
        """Return the folder of a domain's expectation suites."""
        inside = catalogue.folder / "expectations"
        return inside if inside.is_dir() else self.settings.root / "expectations" / catalogue.domain

    def code_version(self) -> str:
        """Return a short hash over code, definitions, notebooks, expectations and settings."""
        digest = hashlib.sha256(kpi_lib.__version__.encode())
        for file in self._code_files():
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]

    def _code_files(self) -> list[Path]:
        root = self.settings.root
        places = [PACKAGE, root / "expectations", root / "notebooks" / "reports", root / "reports"]
        places += [catalogue.folder for catalogue in self.catalogues]
        kinds = {".py", ".sql", ".toml", ".csv", ".json", ".ipynb", ".css", ".js", ".j2", ".typ", ".yml"}
        files = {
            file
            for place in places
            for file in place.rglob("*")
            if file.suffix in kinds
            and "__pycache__" not in file.parts
            and ".ipynb_checkpoints" not in file.parts
        }
        alone = {file for file in (root / "kpi.toml", self.settings.targets) if file.is_file()}
        return sorted(files | alone)
