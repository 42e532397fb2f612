"""The gate's own parts: definitions read, words, verdict, nothing heavy or chatty."""

from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.errors import DataError, DefinitionError, GateError, WarehouseError
from kpi_lib.quality import CheckResult, GateResult, preload, read_suites, suite_parameters, validate
from kpi_lib.quality.derived import derive
from kpi_lib.quality.expectations import cell
from kpi_lib.quality.masking import masked, scrubbed
from kpi_lib.quality.reconciliations import read_reconciliations

AS_OF = dt.date(2026, 10, 6)
RULE: dict[str, Any] = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "n", "min_value": 0},
    "severity": "critical",
    "meta": {"name": "not_negative", "says": "n is not negative.", "rows": ["date_key"]},
}


def write_suite(folder: Path, *rules: Mapping[str, Any], **meta: Any) -> Path:
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / "t.sql").write_text("SELECT * FROM raw.t\n")
    suite = {"name": "t", "meta": {"profile": "profiles/t.sql", **meta}, "expectations": list(rules)}
    path = folder / "t.json"
    path.write_text(json.dumps(suite))
    return path


def changed(**changes: Any) -> dict[str, Any]:
    rule = {**RULE, "meta": {**RULE["meta"], **changes.pop("meta", {})}, **changes}
    return {key: value for key, value in rule.items() if value is not None}


def test_a_suite_is_read_with_its_words(tmp_path: Path) -> None:
    write_suite(tmp_path, RULE)
    (suite,) = read_suites(tmp_path)
    (rule,) = suite.rules
    assert (suite.table, rule.name, rule.severity, rule.column) == ("t", "not_negative", "critical", "n")
    assert rule.profile == tmp_path / "profiles" / "t.sql"


@pytest.mark.parametrize(
    ("rule", "said", "key"),
    [
        (changed(severity=None), "no severity", "severity"),
        (changed(severity="criticle"), "Did you mean 'critical'", "severity"),
        (changed(meta={"name": ""}), "'name' is missing", "meta.name"),
        (changed(meta={"says": None}), "'says' is missing", "meta.says"),
        (changed(type=None), "'type' is missing", "type"),
        (changed(kwargs=[1]), "must be an object", "t.json"),
        (changed(meta={"profile": "profiles/u.sql"}), r"Did you mean 'profiles/t\.sql'", "meta.profile"),
        (changed(meta={"rows": "date_key"}), "list of column names", "meta.rows"),
        (changed(meta={"fails": "{totl} rows"}), "Did you mean 'total'", "meta.fails"),
        (changed(meta={"fails": "{total rows"}), "cannot be read", "meta.fails"),
        ("a rule", "must be an object", "t.json"),
    ],
)
def test_a_malformed_rule_names_file_and_key(tmp_path: Path, rule: Any, said: str, key: str) -> None:
    path = write_suite(tmp_path, rule)
    with pytest.raises(DefinitionError, match=said) as caught:
        read_suites(tmp_path)
    assert str(path) in caught.value.where
    assert key in caught.value.where


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    write_suite(tmp_path, RULE, RULE)
    with pytest.raises(DefinitionError, match="given to two expectations"):
        read_suites(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"expectations": {}}', b"\xff\xfe"])
def test_a_file_that_is_no_suite_is_named(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / "t.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DefinitionError, match=r"JSON|suite") as caught:
        read_suites(tmp_path)
    assert "t.json" in caught.value.where


def test_a_suite_without_profile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"name": "t", "expectations": [RULE]}))
    with pytest.raises(DefinitionError, match="names a profile"):
        read_suites(tmp_path)


HEADER = (
    "-- name: a\n-- severity: critical\n-- table: t\n-- says: It holds,\n--   always.\n-- remedy: Mend it.\n"
)


def test_a_reconciliation_is_read_with_its_header(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(HEADER + "--\n-- For readers: not a key.\nSELECT 1 AS n;\n")
    (item,) = read_reconciliations(tmp_path)
    assert (item.name, item.severity, item.table) == ("a", "critical", "t")
    assert (item.says, item.remedy) == ("It holds, always.", "Mend it.")
    assert item.sql.endswith("SELECT 1 AS n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER.replace("-- name: a\n", "") + "SELECT 1", "does not say 'name'"),
        (HEADER.replace("-- severity: critical\n", "") + "SELECT 1", "does not say 'severity'"),
        (HEADER.replace("critical", "warn") + "SELECT 1", "Did you mean 'warning'"),
        (HEADER.replace("-- says", "-- sais") + "SELECT 1", "Did you mean 'says'"),
        (HEADER, "no SELECT"),
    ],
)
def test_a_malformed_reconciliation_names_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.sql").write_text(text)
    with pytest.raises(DefinitionError, match=said) as caught:
        read_reconciliations(tmp_path)
    assert "a.sql" in caught.value.where


def test_two_reconciliations_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.sql").write_text(HEADER + "SELECT 1 AS n\n")
    with pytest.raises(DefinitionError, match=r"also used by .*a\.sql"):
        read_reconciliations(tmp_path)


def test_reconciliations_follow_from_any_catalogue() -> None:
    winery = load_catalogue("winery")
    names = {item.name for item in derive(winery, AS_OF)}
    assert {"identity_total_daily_revenue_by_day", "identity_club_net_gain_loss_by_window"} <= names
    assert {"location_parts_of_all", "mart_is_fact", "dashboard_is_sum_of_facts"} <= names
    bare = winery.model_copy(update={"mart": "", "kpis": winery.kpis[:1], "entities": winery.entities[:1]})
    assert {item.name for item in derive(bare, AS_OF)} == {
        "required_sources_cover_as_of",
        "nothing_after_last_day",
        "dashboard_is_sum_of_facts",
    }
    sourceless = {item.name for item in derive(bare.model_copy(update={"sources": ()}), AS_OF)}
    assert sourceless == {"nothing_after_last_day", "dashboard_is_sum_of_facts"}


def test_an_identity_is_said_in_words() -> None:
    by_name = {item.name: item for item in derive(load_catalogue("winery"), AS_OF)}
    said = by_name["identity_club_net_gain_loss_by_day"].says
    assert said == "Club Net Gain/Loss is New Members − Member Attrition, on every day and for every entity."


def test_names_that_could_be_sql_are_refused() -> None:
    winery = load_catalogue("winery")
    crafted = winery.kpis[0].model_copy(update={"column": "a) FROM x; DROP TABLE y --"})
    with pytest.raises(DefinitionError, match="cannot stand in SQL"):
        derive(winery.model_copy(update={"kpis": (crafted,)}), AS_OF)


def test_parameters_come_from_the_catalogue() -> None:
    parameters = suite_parameters(load_catalogue("winery"))
    assert parameters["currency"] == ["USD"]
    assert parameters["kpi_count"] == 27
    assert parameters["least_stg_order"] == 1
    assert parameters["values_stg_order_channel"] == ["POS", "Club", "Web", "Inbound"]


RESULT = CheckResult(
    table="t",
    name="not_negative",
    column="n",
    severity="critical",
    success=False,
    expected="n is not negative.",
    observed="rows that break the rule: 7 of 9",
    failing=tuple({"date_key": f"2026-10-0{day}", "n": None} for day in range(1, 8)),
    remedy="Mend it.",
)


def gate_of(*results: CheckResult) -> GateResult:
    return GateResult("winery", AS_OF, results)


def test_the_verdict_depends_on_critical_failures_only() -> None:
    from dataclasses import replace

    passed, warned = replace(RESULT, success=True), replace(RESULT, severity="warning")
    noted = replace(RESULT, severity="info")
    gate = gate_of(noted, warned, passed)
    assert gate.passed
    gate.raise_if_failed()
    assert gate.counts == {"total": 3, "passed": 1, "failed_critical": 0, "warnings": 1, "infos": 1}
    assert [result.severity for result in gate.failures()] == ["warning", "info"]
    assert not gate_of(passed, RESULT).passed


def test_the_message_lists_rule_place_rows_and_remedy() -> None:
    with pytest.raises(GateError) as caught:
        gate_of(RESULT).raise_if_failed()
    text = str(caught.value)
    assert caught.value.exit_code == 3
    assert text.startswith("winery: 1 critical rule of 1 failed as of 2026-10-06:")
    assert "t.n [not_negative]: n is not negative." in text
    assert text.count("date_key=") == 5
    assert "n=null" in text
    assert "→ Mend it." in text


def test_results_as_frame_and_json() -> None:
    gate = gate_of(RESULT)
    frame = gate.to_frame()
    assert list(frame["check_name"]) == ["not_negative"]
    assert json.loads(frame["failing"][0])[0] == {"date_key": "2026-10-01", "n": None}
    content = json.loads(gate.to_json())
    assert content["passed"] is False
    assert content["results"][0]["observed"] == RESULT.observed
    assert list(gate_of().to_frame().columns) == list(frame.columns)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pd.Timestamp("2026-10-06"), "2026-10-06"),
        (pd.Timestamp("2026-10-06 08:00"), "2026-10-06T08:00:00"),
        (pd.NaT, None),
        (float("nan"), None),
        (pd.NA, None),
        (None, None),
        (np.int64(3), 3),
        (np.float64(3.0), 3),
        (2.5, 2.5),
        (np.True_, True),
        (dt.date(2026, 10, 6), "2026-10-06"),
    ],
)
def test_a_cell_is_a_plain_json_value(value: object, expected: object) -> None:
    assert cell(value) == expected
    assert type(cell(value)) is type(expected)


@pytest.mark.parametrize(
    "text", ["Fax", "Kiosk", "LR-2021-CAB", "", "Larkspur Ridge, lower terrace", "0 of 12", "Rosé"]
)
def test_an_ordinary_value_stays_readable(text: str) -> None:
    assert masked(text) == cell(text) == text


@pytest.mark.parametrize(
    "text", ["jane.doe@example.com", "@jane", "707-555-0142", "x" * 41, "4111 1111 1111 1111", "a\x1b[31mb"]
)
def test_text_that_may_concern_a_person_is_not_shown(text: str) -> None:
    shown = masked(text)
    assert shown.startswith("(masked ") and f" {len(text)} characters" in shown
    assert masked(text, {text}) == text


def test_a_message_is_scrubbed_of_values_but_keeps_names_and_parameters() -> None:
    assert scrubbed("Could not convert 'a.b@c.org' of column 'total' near @as_of") == (
        "Could not convert '(masked)' of column 'total' near @as_of"
    )
    assert scrubbed("value a.b@c.org, call 7075550142 or '707 555 0142'") == (
        "value (masked), call (masked) or '(masked)'"
    )
    assert (
        scrubbed("Table 'raw.t' does not exist on 2026-10-06") == "Table 'raw.t' does not exist on 2026-10-06"
    )


def a_domain() -> Catalogue:
    winery = load_catalogue("winery")
    return winery.model_copy(update={"mart": "", "kpis": winery.kpis[:1], "entities": winery.entities[:1]})


def run(folder: Path, frame: pd.DataFrame, catalogue: Catalogue | None = None) -> GateResult:
    def query(sql: str, params: Mapping[str, Any]) -> pd.DataFrame:
        return frame if "raw.t" in sql else pd.DataFrame({"n": []})

    return validate(query, catalogue or a_domain(), folder, as_of=AS_OF, first_day=AS_OF, last_day=AS_OF)


FRAME = pd.DataFrame(
    {
        "date_key": pd.to_datetime(["2026-10-04", "2026-10-05", "2026-10-06"]),
        "n": [-2, 5, -1],
        "customer_id": 77,
    }
)


def test_what_was_found_is_said_with_total_and_days(tmp_path: Path) -> None:
    write_suite(tmp_path, changed(meta={"fails": "negative numbers: {total} in {failing} of {rows}, {when}"}))
    (result,) = run(tmp_path, FRAME).failures()
    assert result.observed == "negative numbers: -3 in 2 of 3, on 2 days from 2026-10-04 to 2026-10-06"
    assert result.failing == ({"date_key": "2026-10-04", "n": -2}, {"date_key": "2026-10-06", "n": -1})


def test_personal_columns_never_enter_a_result(tmp_path: Path) -> None:
    rule = changed(
        kwargs={"column": "customer_id", "max_value": 5}, meta={"rows": ["date_key", "customer_id"]}
    )
    write_suite(tmp_path, rule)
    gate = run(tmp_path, FRAME)
    assert len(gate.failures()) == 1
    assert "77" not in gate.to_json()
    assert [set(row) for row in gate.failures()[0].failing] == [{"date_key"}] * 3


def test_results_come_in_the_order_of_the_suite_even_when_a_rule_raises(tmp_path: Path) -> None:
    broken = changed(kwargs={"column": "nope", "min_value": 0}, severity="info", meta={"name": "broken"})
    write_suite(
        tmp_path, RULE, broken, changed(meta={"name": "last"}, kwargs={"column": "n", "max_value": 9})
    )
    results = run(tmp_path, FRAME).results[:3]
    assert [result.name for result in results] == ["not_negative", "broken", "last"]
    assert [result.success for result in results] == [False, False, True]
    assert results[1].severity == "critical"
    assert "could not be checked" in results[1].observed


NAMED = ("time_zone", "as_of", "first_day", "last_day")


def test_only_parameters_that_the_sql_names_are_handed_over(tmp_path: Path) -> None:
    seen = {}

    def query(sql: str, params: Mapping[str, Any]) -> pd.DataFrame:
        seen[sql] = set(params)
        return pd.DataFrame({"n": []})

    (tmp_path / "reconciliations").mkdir()
    (tmp_path / "reconciliations" / "a.sql").write_text(HEADER + "SELECT 1 AS n WHERE @as_of > @first_day\n")
    validate(query, a_domain(), tmp_path, as_of=AS_OF, first_day=AS_OF, last_day=AS_OF)
    assert {"as_of", "first_day"} in seen.values()
    assert all(names == {name for name in NAMED if f"@{name}" in sql} for sql, names in seen.items())


def test_a_warehouse_that_is_away_is_no_failed_rule(tmp_path: Path) -> None:
    write_suite(tmp_path, RULE)

    def away(sql: str, params: Mapping[str, Any]) -> pd.DataFrame:
        raise WarehouseError("It cannot be reached.")

    def absent(sql: str, params: Mapping[str, Any]) -> pd.DataFrame:
        if "raw.t" in sql:
            raise WarehouseError("Table 'raw.t' does not exist.")
        return pd.DataFrame({"n": []})

    dates = {"as_of": AS_OF, "first_day": AS_OF, "last_day": AS_OF}
    with pytest.raises(WarehouseError, match="cannot be reached"):
        validate(away, a_domain(), tmp_path, **dates)
    (result,) = validate(absent, a_domain(), tmp_path, **dates).failures("critical")
    assert "raw.t" in result.observed


def test_a_value_that_cannot_be_computed_fails_the_rule(tmp_path: Path) -> None:
    write_suite(tmp_path, RULE)

    def query(sql: str, params: Mapping[str, Any]) -> pd.DataFrame:
        if "raw.t" in sql:
            raise DataError("Division by zero.")
        return pd.DataFrame({"n": []})

    gate = validate(query, a_domain(), tmp_path, as_of=AS_OF, first_day=AS_OF, last_day=AS_OF)
    assert [result.name for result in gate.failures("critical")] == ["profile_t"]


def test_a_value_that_the_engine_quotes_is_masked(tmp_path: Path) -> None:
    write_suite(tmp_path, RULE)

    def query(sql: str, params: Mapping[str, Any]) -> pd.DataFrame:
        if "raw.t" in sql:
            raise DataError("Could not convert string 'jane.doe@example.com' to INT64.")
        return pd.DataFrame({"n": []})

    gate = validate(query, a_domain(), tmp_path, as_of=AS_OF, first_day=AS_OF, last_day=AS_OF)
    assert "jane" not in gate.to_json()
    assert "string '(masked)' to INT64" in gate.failures()[0].observed


def test_text_in_rows_and_lists_is_masked_unless_the_definitions_name_it(tmp_path: Path) -> None:
    known = a_domain().kpis[0].name
    frame = FRAME.assign(who=["jane.doe@example.com", "Fax", known])
    listed = changed(
        type="expect_column_distinct_values_to_contain_set",
        kwargs={"column": "who", "value_set": ["POS"]},
        meta={"name": "listed", "rows": []},
    )
    write_suite(tmp_path, changed(meta={"rows": ["who"]}, kwargs={"column": "n", "max_value": -9}), listed)
    rows, values = run(tmp_path, frame).failures()
    assert {str(row["who"]) for row in rows.failing} == {
        "(masked text with @, 20 characters)", "Fax", known,
    }  # fmt: skip
    assert values.observed == "missing: POS"


def test_nothing_is_sent_or_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    preload().join()
    write_suite(tmp_path, RULE)
    run(tmp_path, FRAME)
    written = capfd.readouterr()
    assert written.out == "" and written.err == ""


def test_the_heavy_library_is_imported_late() -> None:
    code = "import sys, kpi_lib.quality; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
