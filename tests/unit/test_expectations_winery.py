"""The winery's gate: clean on the sample, and each rule fails when its defect is planted."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.compute import dashboard_from_facts, unpivot
from kpi_lib.domains.winery.sample import make
from kpi_lib.errors import DefinitionError, GateError
from kpi_lib.periods import dim_date
from kpi_lib.quality import CheckResult, GateResult, check_suites, read_suites, validate
from kpi_lib.warehouse import DuckDBWarehouse, load_sources

AS_OF = dt.date(2026, 10, 6)
SUITES = Path(__file__).parents[2] / "expectations" / "winery"
TABLES = (
    "agg_daily_revenue", "agg_kpi_dashboard", "dim_customer", "dim_experience", "fact_kpi_daily", "source_load",
    "stg_club_membership", "stg_order", "stg_order_item", "stg_product", "stg_tock_guest", "stg_tock_reservation",
)  # fmt: skip
# The newest order of the sample that is plain: neither voided nor of an event.
AN_ORDER = (
    "order_id = (SELECT MAX(order_id) FROM winery_raw.stg_order WHERE status = 'paid' "
    "AND event_fee_or_wine IS NULL AND NOT tasting_lounge AND external_order_vendor IS NULL AND channel = 'POS')"
)
A_VISIT = (
    "reservation_id = (SELECT MAX(reservation_id) FROM winery_raw.stg_tock_reservation "
    "WHERE status = 'finished' AND CAST(reservation_datetime AS DATE) = DATE '2026-10-04')"
)
A_MEMBER = (
    "membership_id = (SELECT MAX(membership_id) FROM winery_raw.stg_club_membership WHERE cancel_at IS NULL)"
)
A_LINE = "(order_id, line_no) = (SELECT MAX(order_id), 1 FROM winery_raw.stg_order_item)"


class Built:
    """A published-like warehouse that tests may damage; every damage is rolled back."""

    def __init__(self, warehouse: DuckDBWarehouse, catalogue: Catalogue, first_day: dt.date) -> None:
        self.warehouse = warehouse
        self.catalogue = catalogue
        self.first_day = first_day

    def gate(self, suites: Path = SUITES, as_of: dt.date = AS_OF) -> GateResult:
        return validate(
            self.warehouse.query,
            self.catalogue,
            suites,
            as_of=as_of,
            first_day=self.first_day,
            last_day=AS_OF,
        )

    @contextmanager
    def damaged(self, *statements: str) -> Iterator[None]:
        connection = self.warehouse._connection
        connection.execute("BEGIN")
        try:
            for statement in statements:
                changed = connection.execute(statement).fetchall()
                assert changed and changed[0][0] > 0, f"nothing was damaged by: {statement}"
            yield
        finally:
            connection.execute("ROLLBACK")


def put_dimensions(warehouse: DuckDBWarehouse, catalogue: Catalogue) -> None:
    kpis = [
        {
            "kpi_id": kpi.id, "kpi_code": kpi.code, "kpi_name": kpi.name, "kpi_group": kpi.group, "kind": kpi.kind,
            "format": kpi.format, "unit": kpi.unit, "decimals": kpi.decimals, "direction": kpi.direction,
            "definition": kpi.definition, "version": kpi.version,
        }
        for kpi in catalogue.kpis
    ]  # fmt: skip
    ids = {entity.code: entity.id for entity in catalogue.entities}
    entities = [
        {
            "entity_id": entity.id, "entity_code": entity.code, "entity_name": entity.name,
            "entity_type": entity.type, "parent_id": ids.get(entity.parent or ""), "opened": entity.opened,
            "closed": entity.closed, "rule": entity.rule,
        }
        for entity in catalogue.entities
    ]  # fmt: skip
    dates = {"opened": "datetime64[s]", "closed": "datetime64[s]"}
    warehouse.replace("kpi.dim_kpi", pd.DataFrame(kpis))
    warehouse.replace("kpi.dim_entity", pd.DataFrame(entities).astype({"parent_id": "Int64", **dates}))
    warehouse.replace(
        "mart.dim_date", dim_date(catalogue.calendar, dt.date(2024, 1, 1), dt.date(2027, 12, 31))
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    catalogue = load_catalogue("winery")
    folder = tmp_path_factory.mktemp("gate")
    make(AS_OF, years=2).write(folder / "landing")
    layers = {layer: f"winery_{layer}" for layer in ("raw", "mart", "kpi", "ops")}
    with DuckDBWarehouse.open(folder / "winery.duckdb", layers) as warehouse:
        loads = load_sources(warehouse, catalogue, folder / "landing")
        first_day = loads["loaded_from"].min().date()
        put_dimensions(warehouse, catalogue)
        span = {"time_zone": "America/Los_Angeles", "first_day": first_day, "last_day": AS_OF, "as_of": AS_OF}
        for model in catalogue.models:
            sql = (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8")
            warehouse.build(model.table, sql, span)
        wide = warehouse.query("SELECT * FROM mart.agg_daily_revenue ORDER BY date_key, entity_id")
        facts = unpivot(wide, catalogue)
        warehouse.replace("kpi.fact_kpi_daily", facts)
        dashboard = dashboard_from_facts(facts, catalogue, as_of=[AS_OF], loaded=(first_day, AS_OF))
        warehouse.replace("kpi.agg_kpi_dashboard", dashboard)
        yield Built(warehouse, catalogue, first_day)


@pytest.fixture(scope="module")
def one_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """For each table a folder with its suite alone, so that a test runs what it is about."""
    folders = {}
    for table in TABLES:
        folder = tmp_path_factory.mktemp(table)
        shutil.copy(SUITES / f"{table}.json", folder)
        shutil.copytree(SUITES / "profiles", folder / "profiles")
        folders[table] = folder
    yield folders


def failed(gate: GateResult) -> dict[str, CheckResult]:
    return {f"{result.table}.{result.name}": result for result in gate.failures()}


def test_whole_gate_passes_on_the_clean_sample(built: Built, capfd: pytest.CaptureFixture[str]) -> None:
    gate = built.gate()
    assert failed(gate) == {}
    assert gate.passed
    assert gate.counts["passed"] == gate.counts["total"] > 150
    gate.raise_if_failed()
    written = capfd.readouterr()
    assert written.out == "" and written.err == ""


def test_every_table_has_a_suite_and_none_can_pass_for_lack_of_rows() -> None:
    suites = {suite.table: suite for suite in read_suites(SUITES)}
    assert set(suites) == set(TABLES)
    for suite in suites.values():
        names = {rule.type for rule in suite.rules}
        assert names & {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}, (
            suite.table
        )


def test_form_of_the_suites() -> None:
    assert check_suites(load_catalogue("winery"), SUITES) > 140


def test_no_profile_returns_a_personal_column(built: Built) -> None:
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


def order(change: str) -> str:
    return f"UPDATE winery_raw.stg_order SET {change} WHERE {AN_ORDER}"


def visit(change: str) -> str:
    return f"UPDATE winery_raw.stg_tock_reservation SET {change} WHERE {A_VISIT}"


def member(change: str) -> str:
    return f"UPDATE winery_raw.stg_club_membership SET {change} WHERE {A_MEMBER}"


def line(change: str) -> str:
    return f"UPDATE winery_raw.stg_order_item SET {change} WHERE {A_LINE}"


def twice(table: str, row: str) -> str:
    return f"INSERT INTO winery_raw.{table} SELECT * FROM winery_raw.{table} WHERE {row}"


def emptied(table: str) -> str:
    return f"DELETE FROM winery_raw.{table}"


FUTURE = "TIMESTAMPTZ '2027-01-05 18:00:00+00'"
DEFECTS = [
    ("stg_order", "known_channel", "critical", order("channel = 'Kiosk'")),
    ("stg_order", "known_status", "critical", order("status = 'lost'")),
    ("stg_order", "known_event_kind", "critical", order("event_fee_or_wine = 'Event Beer'")),
    ("stg_order", "known_vendor", "warning", order("external_order_vendor = 'Other'")),
    ("stg_order", "one_currency", "critical", order("currency = 'EUR'")),
    ("stg_order", "unique_order_id", "critical", twice("stg_order", AN_ORDER)),
    ("stg_order", "has_order_id", "critical", order("order_id = NULL")),
    ("stg_order", "has_dates", "critical", order("paid_at = NULL")),
    ("stg_order", "has_line", "critical", order("channel = NULL")),
    ("stg_order", "has_currency", "critical", order("currency = NULL")),
    ("stg_order", "has_amounts", "critical", order("subtotal = NULL")),
    ("stg_order", "whole_cents", "critical", order("subtotal = subtotal + 0.001")),
    ("stg_order", "whole_cents", "critical", order("tax = 0.005")),
    ("stg_order", "subtotal_not_negative", "critical", order("subtotal = -5")),
    ("stg_order", "amounts_not_negative", "warning", order("shipping = -1")),
    ("stg_order", "not_in_future", "critical", order(f"paid_at = {FUTURE}, order_date = DATE '2027-01-05'")),
    ("stg_order", "not_in_future", "critical", order("order_date = DATE '2027-01-05'")),
    ("stg_order", "refund_not_in_future", "critical", order(f"refunded_at = {FUTURE}, refund_amount = 1")),
    ("stg_order", "order_date_is_local", "warning", order("order_date = order_date - 1")),
    ("stg_order", "refund_within_subtotal", "warning", order("refund_amount = subtotal + 1, refunded_at = paid_at")),
    ("stg_order", "refund_has_date", "critical", order("status = 'refunded', refund_amount = subtotal")),
    ("stg_order", "refund_after_sale", "warning", order("refund_amount = 1, refunded_at = paid_at - INTERVAL 1 HOUR")),
    ("stg_order", "event_has_day", "warning", order("event_fee_or_wine = 'Event Fee'")),
    ("stg_order", "assigned_location", "warning", order("location = 'Car Park'")),
    ("stg_order", "assigned_location", "warning", order("location = NULL")),
    ("stg_order", "within_loaded_range", "info", order("paid_at = TIMESTAMPTZ '2019-01-05 18:00:00+00'")),
    ("stg_order", "within_complete_range", "info", order("paid_at = TIMESTAMPTZ '2026-10-07 08:00:00+00'")),
    ("stg_order", "still_growing", "warning", "DELETE FROM winery_raw.stg_order WHERE order_date > DATE '2026-10-01'"),
    ("stg_order", "usual_count", "warning", "DELETE FROM winery_raw.stg_order WHERE order_date = DATE '2026-10-06'"),
    ("stg_order", "not_empty", "critical", "DELETE FROM winery_raw.source_load WHERE source = 'stg_order'"),
    ("stg_order_item", "unique_line", "critical", twice("stg_order_item", A_LINE)),
    ("stg_order_item", "complete", "critical", line("quantity = NULL")),
    ("stg_order_item", "order_exists", "critical", line("order_id = -1")),
    ("stg_order_item", "product_exists", "critical", line("product_id = -1")),
    ("stg_order_item", "wine_has_volume", "critical", "UPDATE winery_raw.stg_product SET bottle_ml = NULL"),
    ("stg_order_item", "has_quantity", "warning", line("quantity = 0")),
    ("stg_order_item", "price_not_negative", "warning", line("unit_price = -1")),
    ("stg_order_item", "whole_cents", "critical", line("unit_price = 0.125")),
    ("stg_order_item", "not_in_future", "critical", line(f"paid_at = {FUTURE}")),
    ("stg_order_item", "same_time_as_order", "warning", line("paid_at = paid_at + INTERVAL 1 MINUTE")),
    (
        "stg_order_item", "still_growing", "warning",
        "DELETE FROM winery_raw.stg_order_item WHERE paid_at > TIMESTAMPTZ '2026-10-01 12:00:00+00'",
    ),
    ("stg_product", "unique_product_id", "critical", twice("stg_product", "product_id = 1")),
    ("stg_product", "unique_sku", "warning", "UPDATE winery_raw.stg_product SET sku = 'X' WHERE product_id < 3"),
    ("stg_product", "complete", "critical", "UPDATE winery_raw.stg_product SET price = NULL WHERE product_id = 1"),
    ("stg_product", "price_not_negative", "warning", "UPDATE winery_raw.stg_product SET price = -1"),
    ("stg_product", "whole_cents", "critical", "UPDATE winery_raw.stg_product SET price = 1.234"),
    ("stg_product", "plausible_bottle", "critical", "UPDATE winery_raw.stg_product SET bottle_ml = 0"),
    ("stg_product", "not_empty", "critical", emptied("stg_product")),
    ("stg_tock_reservation", "unique_reservation_id", "critical", twice("stg_tock_reservation", A_VISIT)),
    ("stg_tock_reservation", "complete", "critical", visit("final_total = NULL")),
    ("stg_tock_reservation", "known_status", "critical", visit("status = 'maybe'")),
    ("stg_tock_reservation", "party_not_negative", "critical", visit("party_size = -2")),
    ("stg_tock_reservation", "party_not_empty", "warning", visit("party_size = 0")),
    ("stg_tock_reservation", "plausible_party", "warning", visit("party_size = 4500")),
    ("stg_tock_reservation", "total_not_negative", "critical", visit("final_total = -10")),
    ("stg_tock_reservation", "whole_cents", "critical", visit("final_total = 10.001")),
    ("stg_tock_reservation", "not_in_future", "critical", visit("reservation_datetime = TIMESTAMP '2027-01-05 11:00'")),
    ("stg_tock_reservation", "known_experience", "critical", visit("experience_name = 'Balloon Ride'")),
    ("stg_tock_reservation", "assigned_location", "warning", visit("location = 'Car Park'")),
    (
        "stg_tock_reservation", "still_growing", "warning",
        "DELETE FROM winery_raw.stg_tock_reservation WHERE reservation_datetime > TIMESTAMP '2026-10-02'",
    ),
    (
        "stg_tock_reservation", "usual_count", "warning",
        "DELETE FROM winery_raw.stg_tock_reservation WHERE reservation_datetime >= TIMESTAMP '2026-10-06'",
    ),
    ("stg_tock_guest", "unique_guest_id", "critical", twice("stg_tock_guest", "guest_id = 1000")),
    ("stg_tock_guest", "complete", "critical", "UPDATE winery_raw.stg_tock_guest SET is_new = NULL"),
    ("stg_tock_guest", "reservation_exists", "warning", "UPDATE winery_raw.stg_tock_guest SET reservation_id = -1"),
    ("stg_tock_guest", "within_party", "warning", "UPDATE winery_raw.stg_tock_reservation SET party_size = 1"),
    ("stg_tock_guest", "not_empty", "critical", emptied("stg_tock_guest")),
    ("stg_club_membership", "unique_membership_id", "critical", twice("stg_club_membership", A_MEMBER)),
    ("stg_club_membership", "complete", "critical", member("club = NULL")),
    ("stg_club_membership", "not_in_future", "critical", member(f"signup_at = {FUTURE}")),
    ("stg_club_membership", "cancellation_not_in_future", "warning", member(f"cancel_at = {FUTURE}")),
    ("stg_club_membership", "cancelled_after_signup", "critical", member("cancel_at = signup_at - INTERVAL 1 DAY")),
    ("stg_club_membership", "assigned_location", "warning", member("location = 'Car Park'")),
    (
        "stg_club_membership", "still_growing", "warning",
        "DELETE FROM winery_raw.stg_club_membership WHERE signup_at > TIMESTAMPTZ '2026-09-15 00:00:00+00'",
    ),
    ("dim_experience", "unique_experience", "critical", twice("dim_experience", "experience = 'Lawn Concert'")),
    (
        "dim_experience", "one_line", "critical",
        "INSERT INTO winery_raw.dim_experience VALUES ('Lawn Concert', 'Club')",
    ),
    ("dim_experience", "known_attribution", "critical", "UPDATE winery_raw.dim_experience SET attribution = 'Bar'"),
    ("dim_experience", "complete", "critical", "UPDATE winery_raw.dim_experience SET attribution = NULL"),
    ("dim_customer", "unique_customer_id", "critical", twice("dim_customer", "customer_id = 1")),
    ("dim_customer", "has_customer_id", "critical", "UPDATE winery_raw.dim_customer SET customer_id = NULL"),
    (
        "dim_customer", "not_in_future", "warning",
        "UPDATE winery_raw.dim_customer SET first_order_date = DATE '2030-01-01' WHERE customer_id = 1",
    ),
    ("source_load", "required_sources", "critical", "DELETE FROM winery_raw.source_load WHERE source = 'dim_customer'"),
    ("source_load", "one_record", "critical", twice("source_load", "source = 'stg_order'")),
    (
        "source_load", "covers_as_of", "critical",
        "UPDATE winery_raw.source_load SET complete_through = DATE '2026-10-01' WHERE source = 'stg_order'",
    ),
    ("source_load", "range_in_order", "critical", "UPDATE winery_raw.source_load SET loaded_from = DATE '2027-01-01'"),
    (
        "source_load", "loaded_after_the_day", "warning",
        "UPDATE winery_raw.source_load SET loaded_at = TIMESTAMPTZ '2026-10-06 18:00:00+00'",
    ),
    ("source_load", "has_rows", "critical", emptied("stg_tock_guest")),
    ("source_load", "no_rows_lost", "critical", "DELETE FROM winery_raw.stg_order_item WHERE order_id % 7 = 0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "rule", "severity", "defect"),
    DEFECTS,
    ids=[f"{row[0]}-{row[1]}-{n}" for n, row in enumerate(DEFECTS)],
)
def test_a_defect_of_a_source_is_found(
    built: Built, one_suite: dict[str, Path], table: str, rule: str, severity: str, defect: str
) -> None:
    with built.damaged(defect):
        found = failed(built.gate(one_suite[table]))
    result = found[f"{table}.{rule}"]
    assert result.severity == severity
    assert result.kind == "expectation"
    assert result.expected.endswith(".") and result.observed
    assert "{" not in result.observed
    assert not any("could not be checked" in other.observed for other in found.values())


MART = "winery_mart.agg_daily_revenue"
FACT = "winery_kpi.fact_kpi_daily"
BOARD = "winery_kpi.agg_kpi_dashboard"
A_DAY = "date_key = DATE '2026-10-03' AND entity_id = 1"
BROKEN = [
    ("agg_daily_revenue", "unique_day_and_entity", f"INSERT INTO {MART} SELECT * FROM {MART} WHERE {A_DAY}"),
    ("agg_daily_revenue", "every_entity", f"DELETE FROM {MART} WHERE {A_DAY}"),
    ("agg_daily_revenue", "no_gap", f"DELETE FROM {MART} WHERE {A_DAY}"),
    ("agg_daily_revenue", "starts_on_first_day", f"DELETE FROM {MART} WHERE date_key < DATE '2024-11-01'"),
    ("agg_daily_revenue", "ends_on_last_day", f"DELETE FROM {MART} WHERE date_key > DATE '2026-10-05'"),
    ("agg_daily_revenue", "known_entity", f"UPDATE {MART} SET entity_id = 77 WHERE {A_DAY}"),
    ("agg_daily_revenue", "nothing_missing", f"UPDATE {MART} SET ecomm_revenue = NULL WHERE {A_DAY}"),
    (
        "agg_daily_revenue", "nothing_invented",
        "UPDATE winery_raw.source_load SET loaded_from = DATE '2025-01-01' WHERE source = 'stg_tock_reservation'",
    ),
    ("agg_daily_revenue", "revenue_plausible", f"UPDATE {MART} SET total_daily_revenue = -90000 WHERE {A_DAY}"),
    (
        "agg_daily_revenue", "usual_revenue",
        f"UPDATE {MART} SET total_daily_revenue = 9e6 WHERE date_key = DATE '2026-10-06'",
    ),
    ("agg_daily_revenue", "visitors_not_negative", f"UPDATE {MART} SET total_visitors = -1 WHERE {A_DAY}"),
    ("agg_daily_revenue", "guests_within_visitors", f"UPDATE {MART} SET tasting_room_guests = 99999 WHERE {A_DAY}"),
    ("agg_daily_revenue", "party_size_plausible", f"UPDATE {MART} SET avg_party_size = 0.4 WHERE {A_DAY}"),
    (
        "agg_daily_revenue", "members_not_negative",
        f"UPDATE {MART} SET total_active_club_membership = -1 WHERE {A_DAY}",
    ),
    ("fact_kpi_daily", "unique_key", f"INSERT INTO {FACT} SELECT * FROM {FACT} WHERE {A_DAY} AND kpi_id = 5"),
    ("fact_kpi_daily", "every_kpi", f"DELETE FROM {FACT} WHERE date_key = DATE '2026-10-03' AND kpi_id = 5"),
    ("fact_kpi_daily", "dense", f"DELETE FROM {FACT} WHERE {A_DAY} AND kpi_id = 5"),
    ("fact_kpi_daily", "no_gap", f"DELETE FROM {FACT} WHERE date_key = DATE '2026-10-03'"),
    ("fact_kpi_daily", "known_key", f"UPDATE {FACT} SET kpi_id = 99 WHERE {A_DAY} AND kpi_id = 5"),
    ("fact_kpi_daily", "no_null_value", f"UPDATE {FACT} SET value = NULL WHERE {A_DAY} AND kpi_id = 5"),
    ("fact_kpi_daily", "no_null_ratio_side", f"UPDATE {FACT} SET numerator = NULL WHERE {A_DAY} AND kpi_id = 17"),
    ("fact_kpi_daily", "sides_of_ratios_only", f"UPDATE {FACT} SET numerator = 1 WHERE {A_DAY} AND kpi_id = 5"),
    ("agg_kpi_dashboard", "every_series", f"DELETE FROM {BOARD} WHERE kpi_id = 5 AND entity_id = 1"),
    ("agg_kpi_dashboard", "every_series", f"DELETE FROM {BOARD}"),
    ("agg_kpi_dashboard", "every_kpi", f"DELETE FROM {BOARD} WHERE kpi_id = 5"),
    ("agg_kpi_dashboard", "every_entity", f"DELETE FROM {BOARD} WHERE entity_id = 1"),
    ("agg_kpi_dashboard", "unique_key", f"INSERT INTO {BOARD} SELECT * FROM {BOARD} WHERE kpi_id = 5"),
    ("agg_kpi_dashboard", "has_payload", f"UPDATE {BOARD} SET payload = NULL WHERE kpi_id = 5"),
    ("agg_kpi_dashboard", "payload_parses", f"UPDATE {BOARD} SET payload = payload[:-3] WHERE kpi_id = 5"),
    (
        "agg_kpi_dashboard", "payload_complete",
        f"UPDATE {BOARD} SET payload = replace(payload, '\"qtd\"', '\"xtd\"') WHERE kpi_id = 5",
    ),
    (
        "agg_kpi_dashboard", "payload_complete",
        f"UPDATE {BOARD} SET payload = regexp_replace(payload, '\"v\": [0-9.]+', '\"v\": NaN') WHERE kpi_id = 1",
    ),
    (
        "agg_kpi_dashboard", "payload_as_of",
        f"UPDATE {BOARD} SET payload = replace(payload, '2026-10-06', '2026-10-05') WHERE kpi_id = 5",
    ),
    ("agg_kpi_dashboard", "known_reason", f"UPDATE {BOARD} SET mtd_reason = 'because' WHERE kpi_id = 5"),
    ("agg_kpi_dashboard", "known_prior_reason", f"UPDATE {BOARD} SET mtd_prior_reason = 'because' WHERE kpi_id = 5"),
    ("agg_kpi_dashboard", "known_delta_reason", f"UPDATE {BOARD} SET mtd_delta_reason = 'because' WHERE kpi_id = 5"),
    ("agg_kpi_dashboard", "delta_is_difference", f"UPDATE {BOARD} SET mtd_delta = mtd_delta + 0.01 WHERE kpi_id = 1"),
    (
        "agg_kpi_dashboard", "percentage_of_prior",
        f"UPDATE {BOARD} SET mtd_delta_pct = mtd_delta / mtd_value WHERE kpi_id = 14 AND entity_id = 0",
    ),
    (
        "agg_kpi_dashboard", "missing_value_explained",
        f"UPDATE {BOARD} SET mtd_value = NULL, mtd_reason = NULL WHERE kpi_id = 14",
    ),
    (
        "agg_kpi_dashboard", "missing_prior_explained",
        f"UPDATE {BOARD} SET mtd_prior = NULL, mtd_prior_reason = NULL WHERE kpi_id = 14",
    ),
    (
        "agg_kpi_dashboard", "missing_delta_explained",
        f"UPDATE {BOARD} SET mtd_delta = NULL, mtd_delta_reason = NULL WHERE kpi_id = 14",
    ),
    ("agg_kpi_dashboard", "like_with_like", f"UPDATE {BOARD} SET mtd_reason = 'partial' WHERE kpi_id = 14"),
    (
        "agg_kpi_dashboard", "percentage_has_base",
        f"UPDATE {BOARD} SET mtd_prior = 0, mtd_delta = mtd_value WHERE kpi_id = 14 AND entity_id = 0",
    ),
    ("agg_kpi_dashboard", "missing_days_explained", f"UPDATE {BOARD} SET mtd_missing_days = 2 WHERE kpi_id = 14"),
    ("agg_kpi_dashboard", "counts_not_negative", f"UPDATE {BOARD} SET mtd_value = -3 WHERE kpi_id = 16"),
    ("agg_kpi_dashboard", "recent_windows_whole", f"UPDATE {BOARD} SET last28_reason = 'partial' WHERE kpi_id = 14"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "rule", "defect"), BROKEN, ids=[f"{row[0]}-{row[1]}-{n}" for n, row in enumerate(BROKEN)]
)
def test_a_defect_of_our_own_tables_is_found(
    built: Built, one_suite: dict[str, Path], table: str, rule: str, defect: str
) -> None:
    with built.damaged(defect):
        found = failed(built.gate(one_suite[table]))
    assert f"{table}.{rule}" in found


def test_every_rule_has_a_planted_defect() -> None:
    planted = {f"{row[0]}.{row[1]}" for row in (*DEFECTS, *BROKEN)}
    rules = {f"{suite.table}.{rule.name}" for suite in read_suites(SUITES) for rule in suite.rules}
    assert planted <= rules
    assert sorted(rules - planted) == sorted(UNPLANTED)


# The same expectation on a sibling column, or a state that the warehouse's types rule out.
UNPLANTED = [
    "agg_daily_revenue.cancellations_not_negative",
    "agg_daily_revenue.conversion_plausible",
    "agg_daily_revenue.event_guests_not_negative",
    "agg_daily_revenue.fee_plausible",
    "agg_daily_revenue.not_empty",
    "agg_daily_revenue.orders_per_guest_plausible",
    "agg_daily_revenue.reservations_not_negative",
    "agg_daily_revenue.shipping_not_negative",
    "agg_daily_revenue.signups_not_negative",
    "agg_daily_revenue.tasters_not_negative",
    "agg_daily_revenue.visitors_cover_reservations",
    "agg_daily_revenue.volume_not_negative",
    "dim_customer.not_empty",
    "dim_experience.not_empty",
    "fact_kpi_daily.ends_on_last_day",
    "fact_kpi_daily.not_empty",
    "fact_kpi_daily.starts_on_first_day",
    "fact_kpi_daily.whole_ratios",
    "source_load.not_empty",
    "stg_club_membership.not_empty",
    "stg_order_item.not_empty",
    "stg_tock_reservation.not_empty",
]

DIFFERENCES = [
    ("source_orders_to_lines", f"DELETE FROM winery_mart.order_line WHERE {AN_ORDER}"),
    ("source_orders_to_lines", f"UPDATE winery_mart.order_line SET line = 'lounge' WHERE {AN_ORDER}"),
    ("source_orders_to_lines", f"UPDATE winery_mart.order_line SET amount = amount + 0.01 WHERE {AN_ORDER}"),
    ("source_revenue_to_mart", f"UPDATE {MART} SET ecomm_revenue = ecomm_revenue + 0.01 WHERE entity_id = 0"),
    ("source_revenue_to_mart", f"UPDATE {MART} SET shipping_revenue = NULL WHERE entity_id = 0"),
    ("source_reservations_to_mart", f"UPDATE {MART} SET total_visitors = total_visitors + 1 WHERE entity_id = 0"),
    ("source_reservations_to_mart", visit("party_size = party_size + 1")),
    ("source_memberships_to_mart", f"UPDATE {MART} SET new_member_acquisition = 1000 WHERE entity_id = 0"),
    (
        "source_memberships_to_mart",
        f"UPDATE {MART} SET total_active_club_membership = 5 WHERE entity_id = 0 AND date_key = DATE '2026-10-06'",
    ),
    ("source_volume_to_mart", f"UPDATE {MART} SET total_9l_sold = total_9l_sold + 0.1 WHERE entity_id = 0"),
    ("mart_is_fact", f"UPDATE {MART} SET ecomm_revenue = ecomm_revenue + 0.01 WHERE {A_DAY}"),
    ("mart_is_fact", f"UPDATE {MART} SET tasting_room_orders = tasting_room_orders + 1 WHERE {A_DAY}"),
    ("mart_is_fact", f"DELETE FROM {FACT} WHERE {A_DAY} AND kpi_id = 1"),
    ("mart_is_fact", f"UPDATE {FACT} SET value = NULL WHERE {A_DAY} AND kpi_id = 1"),
    *(
        (f"identity_{code}_by_day", f"UPDATE {FACT} SET value = value + 0.01 WHERE {A_DAY} AND kpi_id = {number}")
        for number, code in (
            (3, "tasting_room_total_revenue"), (6, "wine_club_total_revenue"), (11, "event_fees_total_revenue"),
            (14, "total_daily_revenue"), (26, "club_net_gain_loss"),
        )
    ),
    *(
        (f"identity_{code}_by_window", f"UPDATE {BOARD} SET {column} = {column} + 1 WHERE entity_id = 0 AND kpi_id = {number}")
        for number, code, column in (
            (3, "tasting_room_total_revenue", "mtd_value"), (6, "wine_club_total_revenue", "qtd_value"),
            (11, "event_fees_total_revenue", "last28_prior"), (14, "total_daily_revenue", "ytd_value"),
            (26, "club_net_gain_loss", "fytd_prior"),
        )
    ),
    ("identity_total_daily_revenue_by_day", f"UPDATE {FACT} SET value = NULL WHERE {A_DAY} AND kpi_id = 13"),
    ("location_parts_of_all", f"UPDATE {FACT} SET value = value + 0.01 WHERE {A_DAY} AND kpi_id = 1"),
    ("location_parts_of_all", f"UPDATE {FACT} SET numerator = numerator + 1 WHERE {A_DAY} AND kpi_id = 27"),
    ("location_parts_of_all", f"UPDATE {FACT} SET value = value + 1 WHERE {A_DAY} AND kpi_id = 23"),
    ("ratio_is_numerator_over_denominator", f"UPDATE {FACT} SET value = value / 100 WHERE {A_DAY} AND kpi_id = 21"),
    ("ratio_is_numerator_over_denominator", f"UPDATE {FACT} SET value = 0 WHERE denominator = 0 AND kpi_id = 21"),
    ("stock_and_flow", f"UPDATE {FACT} SET value = value + 1 WHERE {A_DAY} AND kpi_id = 23"),
    ("dashboard_is_sum_of_facts", f"UPDATE {BOARD} SET ytd_value = ytd_value + 0.01 WHERE kpi_id = 7"),
    ("dashboard_is_sum_of_facts", f"UPDATE {BOARD} SET ytd_prior = ytd_prior + 0.01 WHERE kpi_id = 7"),
    ("dashboard_is_sum_of_facts", f"UPDATE {BOARD} SET mtd_value = mtd_value * 1.001 WHERE kpi_id = 17"),
    ("dashboard_is_sum_of_facts", f"UPDATE {BOARD} SET mtd_value = 31 * mtd_value WHERE kpi_id = 23"),
    ("dashboard_is_sum_of_facts", f"UPDATE {BOARD} SET mtd_value = NULL WHERE kpi_id = 7"),
    ("windows_by_the_calendar", f"UPDATE {BOARD} SET fytd_value = fytd_value + 1 WHERE kpi_id = 7"),
]  # fmt: skip


@pytest.fixture(scope="module")
def reconciliations_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reconciliations")
    shutil.copytree(SUITES / "reconciliations", folder / "reconciliations")
    return folder


@pytest.mark.parametrize(
    ("name", "defect"), DIFFERENCES, ids=[f"{row[0]}-{n}" for n, row in enumerate(DIFFERENCES)]
)
def test_a_difference_between_tables_is_found(
    built: Built, reconciliations_only: Path, name: str, defect: str
) -> None:
    with built.damaged(defect):
        found = {result.name: result for result in built.gate(reconciliations_only).failures("critical")}
    assert name in found
    assert found[name].kind == "reconciliation"
    assert found[name].failing


def test_message_names_rule_rows_and_remedy_but_no_person(built: Built) -> None:
    with (
        built.damaged(order("channel = 'Kiosk', customer_id = 987654321"), visit("party_size = -2")),
        pytest.raises(GateError) as caught,
    ):
        built.gate().raise_if_failed()
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert "Each order comes through a known channel." in message
    assert "channel=Kiosk" in message
    assert "date_key=2026-10-0" in message
    assert "No party size is negative." in message
    assert "1 reservations have a negative party size, on 1 days from 2026-10-04 to 2026-10-04" in message
    assert "Nothing was published." in message
    assert "987654321" not in message


def test_sql_that_cannot_run_fails_critically_and_names_its_file(built: Built, tmp_path: Path) -> None:
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


def test_a_rule_on_a_column_that_is_not_there_fails_critically(built: Built, tmp_path: Path) -> None:
    shutil.copytree(SUITES / "profiles", tmp_path / "profiles")
    text = (SUITES / "stg_product.json").read_text(encoding="utf-8")
    (tmp_path / "stg_product.json").write_text(text.replace('"duplicate_skus"', '"duplicate_skuz"'))
    found = failed(built.gate(tmp_path))
    assert list(found) == ["stg_product.unique_sku"]
    assert found["stg_product.unique_sku"].severity == "critical"
    assert "duplicate_skuz" in found["stg_product.unique_sku"].observed


def test_a_domain_without_suites_is_warned_and_still_reconciled(built: Built, tmp_path: Path) -> None:
    gate = built.gate(tmp_path / "none")
    assert [result.name for result in gate.failures()] == ["suites_exist"]
    assert gate.passed and gate.counts["total"] > 10


def test_unknown_type_argument_and_parameter_are_definition_errors(built: Built, tmp_path: Path) -> None:
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
