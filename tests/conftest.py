"""Settings that every test runs under."""

from __future__ import annotations

import gc
import os
import time

import pytest
from hypothesis import settings

# A run that decides whether a change lands must not depend on chance; a developer's own runs explore.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# The zone comes from outside (`make test` says UTC, .ci/run runs everything again in Auckland):
# nothing may depend on it.
os.environ.setdefault("TZ", "UTC")
if hasattr(time, "tzset"):
    time.tzset()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own KPI_TOML must not steer the tests."""
    monkeypatch.delenv("KPI_TOML", raising=False)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays until the end, and looking for more so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
