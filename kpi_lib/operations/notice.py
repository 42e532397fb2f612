"""A word on what is published when a night failed: the last good release again, with a banner.

A release is never written to (``docs/adr/0003-one-link-publishes.md``). So the banner is published like
anything else: as a release of its own, whose files are second names of the good one's, but for the pages
that say more.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kpi_lib.operations.release import RECORD, Releases, storage_error

#: Marks a page's text: ``mark(text, path relative to the release)``.
Mark = Callable[[str, Path], str]


@dataclass(frozen=True)
class Notice:
    """Why what is published was not renewed.

    Parameters
    ----------
    error
        One sentence for readers: no paths, no secrets.
    at
        The instant of the newest failure.
    since
        The instant of the first one in a row.
    failures
        How many in a row.
    """

    error: str
    at: str
    since: str
    failures: int = 1


def next_notice(record: Mapping[str, Any], error: str, at: str) -> Notice:
    """Return the notice of a failure, counting on from what the published record says."""
    before = record.get("notice")
    if before is None:
        return Notice(error, at, at)
    return Notice(error, at, before["since"], before["failures"] + 1)


def post_notice(releases: Releases, run_id: str, notice: Notice, mark: Mark) -> Path | None:
    """Publish the last good release again, every page and the API's index marked.

    Parameters
    ----------
    releases
        Where.
    run_id
        The run that failed.
    notice
        What to say; kept in the record too.
    mark
        Given the text and the place of each ``.html`` and ``.json`` file, returns what is written.

    Returns
    -------
    Path or None
        The release; None when nothing has been published yet.
    """
    current, record = releases.current(), releases.record()
    if current is None or record is None:
        return None
    source = last_good(releases) or current
    staged = releases.folder / f".staging-{run_id}-notice"

    def bring(name: str, target: str) -> None:
        file = Path(name)
        place = file.relative_to(source)
        if file.suffix in (".html", ".json"):
            text = file.read_text(encoding="utf-8")
            if (said := mark(text, place)) != text:
                Path(target).write_text(said, encoding="utf-8")
                return
        _link_or_copy(file, Path(target))

    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        (staged / "private").mkdir(mode=0o700)
        shutil.copytree(source, staged, copy_function=bring, dirs_exist_ok=True)
        (staged / RECORD).unlink()
        said = {**record, "base": source.name, "notice": asdict(notice)}
        release = releases.publish(staged, said, name=f"{source.name}-notice-{run_id}")
    except OSError as error:
        raise storage_error(error, staged) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    _forget(releases, keep=release)
    return release


def last_good(releases: Releases) -> Path | None:
    """Return the published release, or the one under its notice; None before the first one."""
    current = releases.current()
    base = (releases.record() or {}).get("base")
    good = releases.folder / str(base)
    return good if base and (good / RECORD).is_file() else current


def withdraw_notice(releases: Releases) -> bool:
    """Publish the good release without its banner again; False when it is not there any more."""
    record = releases.record() or {}
    if "notice" not in record:
        return True
    good = releases.folder / str(record["base"])
    if not (good / RECORD).is_file():
        return False
    releases.point_to(good)
    _forget(releases, keep=None)
    return True


def _forget(releases: Releases, keep: Path | None) -> None:
    """Remove notices that are not published any more; they hold nothing of their own."""
    for folder in releases.folder.glob("*-notice-*"):
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
