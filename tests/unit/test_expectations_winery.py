"""The winery's gate as a whole: clean on the sample, and what it says when something is wrong."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.errors import DefinitionError, GateError
from kpi_lib.quality import check_suites, read_suites
from kpi_lib.quality.derived import derive
from kpi_lib.quality.gate import bounded
from kpi_lib.quality.reconciliations import read_reconciliations
from tests.winery_gate import AS_OF, SUITES, BuiltWinery, built_winery, failed

zetasql_catalog = pytest.importorskip("tests.zetasql_catalog")
TABLES = {
    "agg_daily_revenue", "agg_kpi_dashboard", "dim_customer", "dim_experience", "fact_kpi_daily",
    "source_load",    "stg_club_membership", "stg_order", "stg_order_item", "stg_product", "stg_tock_guest",
    "stg_tock_reservation",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuiltWinery]:
    with built_winery(tmp_path_factory.mktemp("gate")) as winery:
        yield winery


def test_whole_gate_passes_on_the_clean_sample(built: BuiltWinery, capfd: pytest.CaptureFixture[str]) -> None:
    gate = built.gate()
    assert failed(gate) == {}
    assert gate.passed
    assert gate.counts["passed"] == gate.counts["total"] > 150
    gate.raise_if_failed()
    written = capfd.readouterr()
    assert written.out == "" and written.err == ""


def test_every_table_has_a_suite_and_none_can_pass_for_lack_of_rows() -> None:
    suites = {suite.table: suite for suite in read_suites(SUITES)}
    assert set(suites) == TABLES
    for suite in suites.values():
        names = {rule.type for rule in suite.rules}
        assert names & {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}, (
            suite.table
        )


def test_form_of_the_suites() -> None:
    assert check_suites(load_catalogue("winery"), SUITES) > 140


def test_no_profile_returns_a_personal_column(built: BuiltWinery) -> None:
    personal = {
        column.name for source in built.catalogue.sources for column in source.columns if column.personal
    }
    for suite in read_suites(SUITES):
        for profile in {rule.profile for rule in suite.rules}:
            sql = profile.read_text(encoding="utf-8")
            values = {
                "time_zone": "America/Los_Angeles",
                "as_of": AS_OF,
                "first_day": AS_OF,
                "last_day": AS_OF,
            }
            frame = built.warehouse.query(sql, values)
            assert not personal & set(frame.columns), profile.name
            assert len(frame) < 20_000, profile.name


def test_message_names_rule_rows_and_remedy_but_no_person(built: BuiltWinery) -> None:
    with (
        built.damaged(
            "UPDATE raw.stg_order SET channel = 'Kiosk', customer_id = 987654321 WHERE {order}",
            "UPDATE raw.stg_tock_reservation SET party_size = -2 WHERE {visit}",
        ),
        pytest.raises(GateError) as caught,
    ):
        built.gate_of("stg_order", "stg_tock_reservation").raise_if_failed()
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert "Each order comes through a known channel." in message
    assert "channel=Kiosk" in message
    assert "date_key=2026-10-0" in message
    assert "No party size is negative." in message
    assert "reservations with a negative party size: 1, on 2026-10-04" in message
    assert "Nothing was published." in message
    assert "987654321" not in message


def test_text_that_may_concern_a_person_is_masked(built: BuiltWinery) -> None:
    private = (
        "jane.doe@example.com",
        "+1 707 555 0142",
        "gate code is with the neighbour, ring twice please",
    )
    for text in private:
        with built.damaged(f"UPDATE raw.stg_order SET channel = '{text}' WHERE {{order}}"):
            gate = built.gate_of("stg_order")
        with pytest.raises(GateError) as caught:
            gate.raise_if_failed()
        for said in (gate.to_json(), str(gate.to_frame().to_dict("records")), str(caught.value)):
            assert text not in said and text[:12] not in said
        assert f"channel=(masked {'long ' if ',' in text else ''}text" in str(caught.value)
        assert f", {len(text)} characters)" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "planted"),
    [
        ("stg_order", "channel = 'POS' AND order_date = DATE '2026-10-05'"),
        ("stg_tock_reservation", "CAST(reservation_datetime AS DATE) = DATE '2026-10-05'"),
        ("stg_club_membership", "signup_at > TIMESTAMPTZ '2026-10-01 12:00:00+00'"),
    ],
)
def test_places_are_only_looked_at_up_to_the_as_of_date(built: BuiltWinery, table: str, planted: str) -> None:
    rule = f"{table}.assigned_location"
    with built.damaged(f"UPDATE raw.{table} SET location = 'Car Park' WHERE {planted}"):
        assert rule in failed(built.gate_of(table))
        assert rule not in failed(built.gate_of(table, as_of=dt.date(2026, 10, 1)))


def test_a_ratio_without_a_denominator_lacks_no_day(built: BuiltWinery) -> None:
    nobody_came = (
        "UPDATE kpi.agg_kpi_dashboard SET mtd_value = NULL, mtd_reason = 'zero_denominator', "
        "mtd_delta = NULL, mtd_delta_pct = NULL, mtd_delta_reason = 'zero_denominator' WHERE kpi_id = 17"
    )
    with built.damaged(nobody_came):
        gate = built.gate_of("agg_kpi_dashboard")
    (rule,) = [item for item in gate.results if item.name == "recent_windows_whole"]
    assert rule.success


def test_a_party_that_cannot_be_stops_publishing(built: BuiltWinery) -> None:
    with built.damaged(f"UPDATE raw.stg_tock_reservation SET party_size = {2**40} WHERE {{visit}}"):
        critical = {item.name for item in built.gate_of("stg_tock_reservation").failures("critical")}
    assert "possible_party" in critical
    with built.damaged("UPDATE raw.stg_tock_reservation SET party_size = 400 WHERE {visit}"):
        found = failed(built.gate_of("stg_tock_reservation"))
    assert found["stg_tock_reservation.plausible_party"].severity == "warning"
    assert "stg_tock_reservation.possible_party" not in found


def test_rows_after_the_last_day_stop_publishing(built: BuiltWinery) -> None:
    # What is left when a source was taken back by a day.
    with built.damaged(
        "INSERT INTO kpi.agg_kpi_dashboard SELECT * REPLACE (DATE '2026-10-07' AS as_of_date) "
        "FROM kpi.agg_kpi_dashboard"
    ):
        (found,) = built.gate().failures("critical")
    assert found.name == "nothing_after_last_day"
    assert found.failing == ({"table_name": "agg_kpi_dashboard", "date_key": "2026-10-07", "row_count": 135},)


def test_sql_that_cannot_run_fails_critically_and_names_its_file(built: BuiltWinery, tmp_path: Path) -> None:
    folder = tmp_path / "winery"
    shutil.copytree(SUITES, folder)
    (folder / "profiles" / "stg_product.sql").write_text("SELECT nothing FROM raw.stg_product\n")
    (folder / "profiles" / "dim_experience.sql").write_text("SELECT experience FROM raw.no_table\n")
    (folder / "profiles" / "dim_customer.sql").write_text("SELECT first_month FROM\n")
    (folder / "reconciliations" / "stock_and_flow.sql").write_text(
        "-- name: stock_and_flow\n-- severity: warning\n-- says: It holds.\nSELECT nope FROM kpi.dim_kpi\n"
    )
    found = {result.name: result for result in built.gate(folder).failures("critical")}
    assert set(found) == {
        "profile_stg_product",
        "profile_dim_experience",
        "profile_dim_customer",
        "stock_and_flow",
    }
    assert "nothing" in found["profile_stg_product"].observed
    assert "whole_cents" in found["profile_stg_product"].observed
    assert "stg_product.sql" in found["profile_stg_product"].expected
    assert "no_table" in found["profile_dim_experience"].observed
    assert "stock_and_flow.sql" in found["stock_and_flow"].expected


def test_a_rule_on_a_column_that_is_not_there_fails_critically(built: BuiltWinery, tmp_path: Path) -> None:
    shutil.copytree(SUITES / "profiles", tmp_path / "profiles")
    text = (SUITES / "stg_product.json").read_text(encoding="utf-8")
    (tmp_path / "stg_product.json").write_text(text.replace('"duplicate_skus"', '"duplicate_skuz"'))
    found = failed(built.gate(tmp_path))
    assert list(found) == ["stg_product.unique_sku"]
    assert found["stg_product.unique_sku"].severity == "critical"
    assert "duplicate_skuz" in found["stg_product.unique_sku"].observed


def test_a_domain_without_suites_is_warned_and_still_reconciled(built: BuiltWinery, tmp_path: Path) -> None:
    gate = built.gate(tmp_path / "none")
    assert [result.name for result in gate.failures()] == ["suites_exist"]
    assert gate.passed and gate.counts["total"] > 10


def test_unknown_type_argument_and_parameter_are_definition_errors(
    built: BuiltWinery, tmp_path: Path
) -> None:
    shutil.copytree(SUITES / "profiles", tmp_path / "profiles")
    text = (SUITES / "stg_order.json").read_text(encoding="utf-8")
    for old, new, said in (
        ("expect_column_values_to_be_in_set", "expect_column_values_to_be_on_fire", "on_fire"),
        ('"max_value": 0', '"maximum": 0', "maximum"),
        ("values_stg_order_channel", "values_of_channel", "values_of_channel"),
    ):
        (tmp_path / "stg_order.json").write_text(text.replace(old, new))
        with pytest.raises(DefinitionError, match=said) as caught:
            check_suites(built.catalogue, tmp_path)
        assert "stg_order.json" in caught.value.where


@pytest.mark.googlesql
def test_google_analyzer_accepts_every_statement() -> None:
    catalogue = load_catalogue("winery")
    checker = zetasql_catalog.GoogleSql.of(catalogue, models=True)
    for profile in sorted((SUITES / "profiles").glob("*.sql")):
        assert checker.columns_of(profile)
    for item in (*read_reconciliations(SUITES / "reconciliations"), *derive(catalogue, AS_OF)):
        assert checker.columns(bounded(item)), item.name


def test_every_profile_belongs_to_a_rule() -> None:
    used = {rule.profile.name for suite in read_suites(SUITES) for rule in suite.rules}
    assert used == {path.name for path in (SUITES / "profiles").glob("*.sql")}
