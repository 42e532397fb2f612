"""Publishing: what was built aside becomes what readers open, in one step.

A release is a folder that holds the warehouse, the site and the PDFs of one run. Everything a
reader opens (``data/warehouse.duckdb``, ``build/site``, ``build/pdf``, ``build/private``) is a link
that goes through ``current``, so replacing that one link switches tables and pages together
(``docs/adr/0003-one-link-publishes.md``).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpi_lib.errors import DefinitionError, RunError, WarehouseError

WAREHOUSE = "warehouse.duckdb"
RECORD = "release.json"
PARTS = ("site", "pdf", "private")


@dataclass(frozen=True)
class Releases:
    """The releases beside a warehouse file.

    Parameters
    ----------
    warehouse
        Where readers open the warehouse, e.g. ``data/warehouse.duckdb``.
    output
        Where readers find ``site`` and ``pdf``, e.g. ``build``.
    profile
        Whose they are.
    """

    warehouse: Path
    output: Path
    profile: str

    @property
    def folder(self) -> Path:
        """The folder of all releases of this warehouse."""
        return self.warehouse.parent / f"{self.warehouse.stem}.releases"

    @property
    def link(self) -> Path:
        """The one link that decides what is published."""
        return self.folder / "current"

    def current(self) -> Path | None:
        """Return the published release, or None before the first one."""
        return self.link.resolve() if (self.link / RECORD).is_file() else None

    def record(self) -> dict[str, Any] | None:
        """Return the record of the published release.

        Raises
        ------
        WarehouseError
            When it cannot be read.
        DefinitionError
            When it is another profile's.
        """
        current = self.current()
        if current is None:
            return None
        file = current / RECORD
        try:
            data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise WarehouseError(
                f"The record of what is published is damaged: {error}.",
                where=str(file),
                remedy=f"Point {self.link} at an older release beside it, or move {self.folder} away "
                "and run `kpi nightly`: the sources hold everything but the history of published values.",
            ) from error
        # Releases that are older than this key are of the one profile that has kept them here.
        owner = data.get("profile", self.profile)
        if owner != self.profile:
            files = [file, *([self.folder / str(data["base"]) / RECORD] if "base" in data else [])]
            raise DefinitionError(
                f"What is published here is of profile '{owner}', not of '{self.profile}'.",
                where=str(self.folder),
                remedy=f"Give '{self.profile}' a path of its own in kpi.toml. If it was only renamed, write "
                f'its name under "profile" in {" and in ".join(map(str, files))}.',
            )
        return data

    def astray(self) -> Path | None:
        """Return where the link that readers open leads when that is no release of this warehouse."""
        place = self.output / PARTS[0]
        target = place.resolve()
        return target if place.is_symlink() and not target.is_relative_to(self.folder.resolve()) else None

    def intact(self) -> bool:
        """Whether the published files are there; links that lead to them are put back where they are gone."""
        if not all((self.link / part).exists() for part in (WAREHOUSE, "site/index.html")):
            return False
        self._refuse_strangers()
        try:
            self.output.mkdir(parents=True, exist_ok=True)
            self._point_links()
        except OSError as error:
            raise storage_error(error, self.output) from error
        return True

    def stage(self, run_id: str) -> Path:
        """Return a new staging folder that starts from the published warehouse.

        Raises
        ------
        WarehouseError
            When the folder cannot be written, or a file stands where a link must go.
        """
        self._refuse_strangers()
        staged = self.folder / f".staging-{run_id}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.output.mkdir(parents=True, exist_ok=True)
            for leftover in self.folder.glob(".staging-*"):
                shutil.rmtree(leftover)
            staged.mkdir()
            published = self.link / WAREHOUSE
            if published.is_file():
                shutil.copyfile(published, staged / WAREHOUSE)
            for part in PARTS:
                (staged / part).mkdir(mode=0o700 if part == "private" else 0o755)
        except OSError as error:
            raise storage_error(error, self.folder) from error
        return staged

    def publish(self, staged: Path, record: dict[str, Any], name: str = "") -> Path:
        """Make a staging folder the published release, all at once; it is called as its run unless named."""
        release = self.folder / (name or str(record["run_id"]))
        try:
            said = json.dumps({**record, "profile": self.profile}, indent=2, default=str)
            (staged / RECORD).write_text(said, encoding="utf-8")
            _sync(staged)
            staged.replace(release)
        except OSError as error:
            raise storage_error(error, release) from error
        self.point_to(release)
        return release

    def point_to(self, release: Path) -> None:
        """Publish a release that is already beside the others."""
        try:
            self._point_links()
            _replace_link(self.link, Path(release.name))
            _sync_one(self.folder)
        except OSError as error:
            raise storage_error(error, release) from error

    def discard(self, staged: Path) -> None:
        """Remove a staging folder that will not be published."""
        shutil.rmtree(staged, ignore_errors=True)

    def prune(self, keep: int) -> None:
        """Remove old releases; the published one and the ``keep`` before it stay."""
        current = self.current()
        releases = sorted(
            (path for path in self.folder.iterdir() if path.is_dir() and (path / RECORD).is_file()),
            reverse=True,
        )
        old = [path for path in releases if path.name != "current" and path.resolve() != current]
        for path in old[keep:]:
            shutil.rmtree(path, ignore_errors=True)

    def _links(self) -> dict[Path, Path]:
        return {
            self.warehouse: self.link / WAREHOUSE,
            **{self.output / part: self.link / part for part in PARTS},
        }

    def _refuse_strangers(self) -> None:
        for place in self._links():
            if place.exists() and not place.is_symlink():
                raise WarehouseError(
                    "Something that this project did not write is in the way.",
                    where=str(place),
                    remedy="Move it elsewhere and run again; nothing was changed.",
                )

    def _point_links(self) -> None:
        for place, target in self._links().items():
            relative = Path(os.path.relpath(target, place.parent))
            if not place.is_symlink() or place.readlink() != relative:
                _replace_link(place, relative)


def _replace_link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _sync(folder: Path) -> None:
    """Flush a folder's files to disk, so that a power cut after the switch cannot empty them."""
    for path in (*folder.rglob("*"), folder):
        if not path.is_symlink():
            _sync_one(path)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(error: OSError, place: Path) -> RunError | WarehouseError:
    """Turn an operating-system error into one that says what to do."""
    if error.errno == errno.ENOSPC:
        return RunError(
            "The disk is full.",
            where=str(place),
            remedy="Free some space and run again; the last site stays.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return WarehouseError(
            "This place cannot be written.",
            where=str(error.filename or place),
            remedy="Give the user that runs this write permission, or name another place in kpi.toml.",
        )
    return WarehouseError(f"{error.strerror or error}.", where=str(error.filename or place))
