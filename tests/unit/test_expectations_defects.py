"""Each rule of the winery's gate fails when its defect is planted (expectations_defects.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kpi_lib.quality import gate, read_suites
from kpi_lib.quality.derived import derive
from kpi_lib.quality.reconciliations import read_reconciliations
from tests.winery_gate import AS_OF, SUITES, BuiltWinery, built_winery, failed

DEFECTS = tomllib.loads(Path(__file__).with_name("expectations_defects.toml").read_text(encoding="utf-8"))
RULES = {
    f"{table}.{rule}-{number}": (table, rule, statement)
    for table, rules in DEFECTS["rules"].items()
    for rule, statements in rules.items()
    for number, statement in enumerate(statements, start=1)
}
DIFFERENCES = {
    f"{name}-{number}": (name, statement)
    for name, statements in DEFECTS["reconciliations"].items()
    for number, statement in enumerate(statements, start=1)
}
# What keeps a wrong number from being published with confidence.
CRITICAL = {
    "known_channel", "one_currency", "whole_cents", "party_not_negative", "not_in_future", "unique_order_id",
    "unique_line", "unique_reservation_id", "unique_membership_id", "has_rows", "order_exists",
    "possible_party", "nothing_invented", "nothing_missing", "whole_ratios", "every_kpi",
    "delta_is_difference", "payload_parses",
}  # fmt: skip
WARNINGS = {
    "refund_within_subtotal", "order_date_is_local", "assigned_location", "still_growing", "usual_count",
    "usual_revenue", "reservation_exists", "covers_as_of", "plausible_party", "recent_windows_whole",
}  # fmt: skip


@pytest.fixture(scope="module")
def winery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuiltWinery]:
    with built_winery(tmp_path_factory.mktemp("defects")) as built:
        yield built


@pytest.mark.slow
@pytest.mark.parametrize(("table", "rule", "statement"), RULES.values(), ids=RULES)
def test_a_planted_defect_is_found(
    winery: BuiltWinery, monkeypatch: pytest.MonkeyPatch, table: str, rule: str, statement: str
) -> None:
    suite = next(suite for suite in read_suites(SUITES) if suite.table == table)
    chosen = replace(suite, rules=tuple(item for item in suite.rules if item.name == rule))
    monkeypatch.setattr(gate, "read_suites", lambda _: (chosen,))
    monkeypatch.setattr(gate, "read_reconciliations", lambda _: ())
    monkeypatch.setattr(gate, "derive", lambda *_: ())
    assert failed(winery.gate()) == {}
    with winery.damaged(statement):
        result = failed(winery.gate())[f"{table}.{rule}"]
    assert result.severity == chosen.rules[0].severity
    assert result.kind == "expectation"
    assert result.expected.endswith(".")
    assert result.observed
    assert "could not be checked" not in result.observed
    assert "{" not in result.observed


@pytest.mark.parametrize(("name", "statement"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_between_tables_is_found(
    winery: BuiltWinery, monkeypatch: pytest.MonkeyPatch, name: str, statement: str
) -> None:
    every = (*read_reconciliations(SUITES / "reconciliations"), *derive(winery.catalogue, AS_OF))
    monkeypatch.setattr(gate, "read_suites", lambda _: ())
    monkeypatch.setattr(gate, "read_reconciliations", lambda _: ())
    monkeypatch.setattr(gate, "derive", lambda *_: tuple(item for item in every if item.name == name))
    with winery.damaged(statement):
        found = {result.name: result for result in winery.gate().failures("critical")}
    assert found[name].kind == "reconciliation"
    assert found[name].failing
    assert "differ" in found[name].observed


def test_every_rule_has_a_planted_defect() -> None:
    planted = {(table, rule) for table, rules in DEFECTS["rules"].items() for rule in rules}
    rules = {(suite.table, rule.name) for suite in read_suites(SUITES) for rule in suite.rules}
    assert planted == rules


def test_every_reconciliation_has_a_planted_difference(winery: BuiltWinery) -> None:
    every = (*read_reconciliations(SUITES / "reconciliations"), *derive(winery.catalogue, AS_OF))
    assert set(DEFECTS["reconciliations"]) == {item.name for item in every}
    assert all(item.severity == "critical" for item in every)


def test_severities_that_the_night_relies_on() -> None:
    severities: dict[str, set[str]] = {}
    for suite in read_suites(SUITES):
        for rule in suite.rules:
            severities.setdefault(rule.name, set()).add(rule.severity)
    # A customer's first order does not enter a KPI, so its date only warns.
    severities["not_in_future"].discard("warning")
    assert {name for name in CRITICAL if severities[name] != {"critical"}} == set()
    assert {name for name in WARNINGS if severities[name] != {"warning"}} == set()
