"""Change the engine a little, many times over: does a test notice?

Run by hand (``make mutation``). All tests are collected once; each change is made in a fork of that
process, which runs the tests that pass through the changed statement, the quickest first, until one fails.
What no test notices is listed: each is a rule without a test, or a change without effect.
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import json
import os
import resource
import signal
import sys
import threading
import time
import types
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.sites import Site, sites

ROOT = Path(__file__).parents[2]
ENGINE = ("kpi_lib/periods", "kpi_lib/compute")
TESTS = (
    "tests/unit/test_periods.py",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests/unit").glob("test_compute*.py"))),
    "tests/property/test_periods_properties.py",
    "tests/property/test_rollup_properties.py",
    "tests/oracle/test_periods_oracle.py",
    "tests/oracle/test_rollup_oracle.py",
)
# A test of speed would fail by chance on a busy machine.
LEFT_OUT = "not well_under_a_second"
MEMORY = 6 << 30
_DATA = (bool, int, float, str, tuple, dict, frozenset, dt.timedelta, np.ndarray)
KILLED, SURVIVED, UNSEEN, TIMED_OUT = "killed", "survived", "never run", "timed out"


class Mutations:
    """A pytest plugin that takes the place of its loop over the tests."""

    def __init__(self, only: str, again: Path | None, report: Path) -> None:
        self.only, self.report = only, report
        self.before = None if again is None else _unnoticed(again)
        self.lines: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}

    def pytest_configure(self) -> None:
        """Let property tests try the same examples every time, and not look for smaller ones."""
        from hypothesis import Phase, settings

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutation", derandomize=True, database=None, phases=phases)
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure which test passes where, then try every change."""
        items = {item.nodeid: item for item in session.items}
        self.lines, self.seconds, failed = _in_fork(lambda: _measure(items.values()), timeout=900.0) or (
            {},
            {},
            [],
        )
        if failed or not self.lines:
            raise pytest.UsageError(f"tests fail before anything is changed: {failed}")
        results = []
        for path in _modules():
            if self.only in str(path):
                source = path.read_text(encoding="utf-8")
                for site in sites(source):
                    if self.before is not None and (path.name, site.before, site.after) not in self.before:
                        continue
                    outcome = self._try(path, source, site, items)
                    results.append((str(path.relative_to(ROOT)), site, outcome))
                    self._tell(results)
        return True

    def _try(self, path: Path, source: str, site: Site, items: dict[str, pytest.Item]) -> str:
        chosen = [
            name
            for name, seen in self.lines.items()
            if any(file == str(path) and (line in site.lines or not site.lines) for file, line in seen)
        ]
        if not chosen:
            return UNSEEN
        chosen.sort(key=lambda name: self.seconds[name])
        budget = 20.0 + 4.0 * sum(self.seconds[name] for name in chosen)

        def run() -> str | None:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            try:
                _change(path, source, site)
            except Exception as error:  # noqa: BLE001 - a module that cannot be imported is noticed by all
                return f"import: {error}"
            return next((name for name in chosen if not _passes(items[name])), None)

        found = _in_fork(lambda: [run()], timeout=budget)
        if found is None:
            return TIMED_OUT
        return SURVIVED if found[0] is None else KILLED

    def _tell(self, results: list[tuple[str, Site, str]]) -> None:
        *_, (file, site, outcome) = results
        if outcome in (SURVIVED, UNSEEN):
            print(f"{outcome}: {file}:{site.line} {site.before} -> {site.after}", flush=True)
        kept = [outcome for _, _, outcome in results]
        noticed = sum(outcome in (KILLED, TIMED_OUT) for outcome in kept)
        if len(kept) % 25 == 0:
            print(f"{noticed} of {len(kept)} noticed ({noticed / len(kept):.1%})", flush=True)
        rows = [
            {"file": file, "line": site.line, "before": site.before, "after": site.after, "outcome": outcome}
            for file, site, outcome in results
        ]
        self.report.write_text(
            json.dumps({"noticed": noticed, "tried": len(kept), "changes": rows}, indent=1), encoding="utf-8"
        )


def _unnoticed(report: Path) -> set[tuple[str, str, str]]:
    rows = json.loads(report.read_text(encoding="utf-8"))["changes"]
    return {
        (Path(row["file"]).name, row["before"], row["after"])
        for row in rows
        if row["outcome"] in (SURVIVED, UNSEEN)
    }


def _passes(item: pytest.Item) -> bool:
    if hasattr(item, "_initrequest"):
        item._initrequest()
    return all(report.outcome != "failed" for report in runtestprotocol(item, nextitem=None, log=False))


def _measure(
    items: Iterable[pytest.Item],
) -> tuple[dict[str, list[tuple[str, int]]], dict[str, float], list[str]]:
    """Run every test once; return the lines of the engine it passes, how long it takes, and what fails.

    The modules are renewed without a change first, so that renewing alone makes no test fail.
    """
    for path in _modules():
        _change(path, path.read_text(encoding="utf-8"), None)
    watched = tuple(str(ROOT / folder) + os.sep for folder in ENGINE)
    lines: dict[str, list[tuple[str, int]]] = {}
    seconds: dict[str, float] = {}
    failed = []
    for item in items:
        seen: set[tuple[str, int]] = set()

        def trace(
            frame: types.FrameType, event: str, arg: object, seen: set[tuple[str, int]] = seen
        ) -> object:
            if not frame.f_code.co_filename.startswith(watched):
                return None
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            return trace

        started = time.perf_counter()
        threading.settrace(trace)
        sys.settrace(trace)
        try:
            passed = _passes(item)
        finally:
            sys.settrace(None)
            threading.settrace(None)
        seconds[item.nodeid], lines[item.nodeid] = time.perf_counter() - started, sorted(seen)
        if not passed:
            failed.append(item.nodeid)
    return lines, seconds, failed


def _in_fork(work: object, timeout: float) -> list | None:
    """Return what ``work`` returns in a fork of this process, by way of JSON; None when it takes too long."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.setpgid(0, 0)
        with os.fdopen(write, "w") as out:
            json.dump(work(), out)
        os._exit(0)
    os.close(write)
    timer = threading.Timer(timeout, lambda: os.kill(child, signal.SIGKILL))
    timer.start()
    with os.fdopen(read) as answer:
        text = answer.read()
    timer.cancel()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def _modules() -> list[Path]:
    return sorted(path for folder in ENGINE for path in (ROOT / folder).glob("*.py"))


def _change(path: Path, source: str, site: Site | None) -> None:
    """Make the change in the modules that are loaded: functions get new code, constants a new value."""
    tree = ast.parse(source)
    if site is not None:
        site.apply(tree)
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    module = sys.modules[name]
    fresh = types.ModuleType(name)
    fresh.__dict__.update({key: module.__dict__[key] for key in ("__package__", "__file__", "__spec__")})
    sys.modules[name] = fresh
    exec(compile(tree, str(path), "exec"), fresh.__dict__)  # noqa: S102 - our own source, changed a little
    sys.modules[name] = module
    for key, new in fresh.__dict__.items():
        old = module.__dict__.get(key)
        if isinstance(new, type) and new.__module__ == name and isinstance(old, type):
            for attribute, part in vars(new).items():
                _renew(vars(old).get(attribute), part)
        elif isinstance(new, types.FunctionType) and new.__module__ == name:
            _renew(old, new)
        elif isinstance(new, _DATA) or type(new).__module__ == name:
            value = _of_known_classes(new, module)
            if not key.startswith("__") and repr(old) != repr(value):
                _spread(key, old, value)


def _renew(old: object, new: object) -> None:
    for part in ("__func__", "fget", "func"):
        if hasattr(old, part) and hasattr(new, part) and not isinstance(old, types.FunctionType):
            old, new = getattr(old, part), getattr(new, part)
    if isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType):
        old.__code__, old.__defaults__, old.__kwdefaults__ = (
            new.__code__,
            new.__defaults__,
            new.__kwdefaults__,
        )


def _of_known_classes(value: object, module: types.ModuleType) -> object:
    """Return data in which instances of the module's renewed classes are of its old ones."""
    if isinstance(value, dict):
        return {key: _of_known_classes(item, module) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_of_known_classes(item, module) for item in value)
    if type(value).__module__ != module.__name__:
        return value
    made = object.__new__(getattr(module, type(value).__name__))
    made.__dict__.update(value.__dict__)
    return made


def _spread(name: str, old: object, new: object) -> None:
    """Give a constant its new value wherever it was imported."""
    if isinstance(old, dict) and isinstance(new, dict):
        old.clear()
        old.update(new)
    for loaded in list(sys.modules.values()):
        ours = getattr(loaded, "__name__", "").startswith(("kpi_lib", "tests"))
        if ours and loaded.__dict__.get(name) is old and not isinstance(old, dict):
            loaded.__dict__[name] = new


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="", help="part of a path, e.g. compute/sums")
    parser.add_argument("--again", type=Path, help="a report: try only what nothing noticed there")
    parser.add_argument("--report", type=Path, default=Path("mutation.json"))
    chosen = parser.parse_args()
    os.chdir(ROOT)
    options = ["-p", "no:cacheprovider", "-n0", "-q", "-m", "not slow and not googlesql and not bigquery"]
    plugin = Mutations(chosen.only, chosen.again, chosen.report)
    return int(pytest.main([*options, "-k", LEFT_OUT, "-s", *TESTS], plugins=[plugin]))


if __name__ == "__main__":
    sys.exit(main())
