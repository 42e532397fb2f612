"""Some suites of a domain, for tests that look at a few rules: a third of the work of all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def suites_of(suites: Path, *tables: str) -> Iterator[Path]:
    """Give a folder with these tables' suites and every reconciliation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / suites.name
        folder.mkdir()
        for part in ("profiles", "reconciliations", *(f"{table}.json" for table in tables)):
            assert (suites / part).exists(), part
            (folder / part).symlink_to(suites / part)
        yield folder
