"""Every metric on small tables worked by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.marketplace_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.customers("1", "2", "3")
        yield made


def test_nothing_at_all_has_zero_revenue_and_no_ratios(bench: Bench) -> None:
    values = bench.run("2026-06-30")
    known = {key: value for key, value in values.items() if value is not None}
    assert known == {
        "revenue_ytd": 0,
        "customer_count": 0,
        "person_revenue_ytd": 0,
        "person_new_inventory": 0,
    }
    assert bench.view("net_revenue_retention_all_customers")["qbo_customer_id"].tolist() == ["UNKNOWN"]


# Revenue and take rate


def test_revenue_counts_what_is_on_4000_to_4190_up_to_the_day(bench: Bench) -> None:
    bench.sale("1", "2025-12-31", 1_000)
    bench.sale("1", "2026-01-01", 100)
    bench.sale("1", "2026-06-30", 40, "services")
    bench.sale("1", "2026-06-30", 8, "discount")
    bench.sale("1", "2026-06-30", 7_000, "freight")
    bench.sale("1", "2026-07-01", 500)
    bench.sale("1", "2026-03-01", 900, _fivetran_deleted=True)
    bench.refund("1", "2026-05-05", 30)
    bench.refund("1", "2026-05-06", 900, _fivetran_deleted=True)
    values = bench.run("2026-06-30")
    assert values["revenue_ytd"] == values["person_revenue_ytd"] == 118  # 100 + 40 + 8 − 30


def test_a_subtotal_line_and_a_remark_are_no_revenue(bench: Bench) -> None:
    bench.sale("1", "2026-01-10", 100)
    bench.add("invoice_line", invoice_id="1", index=2, amount=100, sales_item_account_id=None)
    bench.add("invoice_line", invoice_id="1", index=3, amount=None, sales_item_account_id=None)
    assert bench.run("2026-06-30")["revenue_ytd"] == 100


@pytest.mark.parametrize(
    ("number", "counts"),
    [("4000", True), ("4190", True), ("4190 05", True), ("4100-01", True), ("3999", False), ("4191", False),
     ("41905", False), ("4200", False), ("14000", False), (None, False)],
)  # fmt: skip
def test_which_account_numbers_are_revenue(bench: Bench, number: str | None, counts: bool) -> None:
    bench.add("account", id="99", account_number=number, name="Odd")
    bench.add("invoice", id="9", customer_id="1", transaction_date="2026-01-02", total_amount=50, balance=0)
    bench.add("invoice_line", invoice_id="9", index=1, amount=50, sales_item_account_id="99")
    assert bench.run("2026-06-30")["revenue_ytd"] == (50 if counts else 0)


def test_take_rate_is_services_without_events_over_gmv_net_of_credits(bench: Bench) -> None:
    bench.sale("1", "2026-02-01", 1_100, "gmv")
    bench.refund("1", "2026-02-02", 100, "gmv")
    bench.sale("1", "2026-02-03", 180, "services")
    bench.refund("1", "2026-02-04", 30, "services")
    bench.sale("1", "2026-02-05", 500, "events")
    bench.sale("1", "2025-02-05", 9_999, "services")
    values = bench.run("2026-06-30")
    assert values["take_rate"] == values["person_take_rate"] == pytest.approx(0.15)  # (180 − 30) / 1000


@pytest.mark.parametrize("refund", [100, 150])
def test_without_positive_gmv_there_is_no_take_rate(bench: Bench, refund: float) -> None:
    bench.sale("1", "2026-02-01", 100, "gmv")
    bench.refund("1", "2026-02-02", refund, "gmv")
    bench.sale("1", "2026-02-03", 20, "services")
    assert bench.run("2026-06-30")["take_rate"] is None


# Retention and customers


def test_net_revenue_retention(bench: Bench) -> None:
    bench.sale("1", "2025-03-01", 100)
    bench.sale("1", "2026-03-01", 120)  # expanded
    bench.sale("2", "2025-10-01", 300)  # not back yet
    bench.sale("3", "2026-03-01", 999)  # new: left out
    bench.sale(None, "2025-03-01", 50)  # nobody known: left out
    bench.sale("77", "2026-03-01", 60)
    values = bench.run("2026-06-30")
    assert values["nrr"] == values["person_nrr"] == pytest.approx(120 / 400)
    assert values["nrr_to_date"] == pytest.approx(120 / 100)  # customer 2 came after 30 June last year
    assert values["logo_retention"] == pytest.approx(1 / 2)
    assert values["logo_retention_to_date"] == 1
    assert values["customer_count"] == 2
    assert values["revenue_ytd"] == 120 + 999 + 60


def test_no_customers_last_year(bench: Bench) -> None:
    bench.sale("1", "2026-03-01", 100)
    bench.sale(None, "2025-03-01", 40)
    values = bench.run("2026-06-30")
    for key in ("nrr", "nrr_to_date", "logo_retention", "logo_retention_to_date"):
        assert values[key] is None
    assert values["customer_count"] == 1


def test_refunds_larger_than_sales(bench: Bench) -> None:
    bench.sale("1", "2025-03-01", 100)
    bench.sale("1", "2026-03-01", 50)
    bench.refund("1", "2026-03-02", 80)
    bench.sale("2", "2025-03-01", 100)
    bench.sale("2", "2026-03-01", 100)
    bench.sale("3", "2025-03-01", 10)
    bench.refund("3", "2025-03-02", 10)  # nothing left of last year: no base
    bench.sale("3", "2026-03-02", 70)
    values = bench.run("2026-06-30")
    assert values["nrr"] == pytest.approx((50 - 80 + 100) / 200)
    assert values["logo_retention"] == pytest.approx(1 / 2)
    assert values["customer_count"] == 2
    rows = bench.view("customer_development").query("fiscal_year == 2026").set_index("qbo_customer_id")
    assert rows["status"].to_dict() == {"1": "churned", "2": "retained", "3": "new"}


def test_a_customer_with_two_accounts_is_one_customer(bench: Bench) -> None:
    bench.add("customer_merge", merged_customer_id="2", customer_id="1")
    bench.sale("2", "2025-03-01", 100)
    bench.sale("1", "2026-03-01", 90)
    bench.sale("2", "2026-03-01", 60)
    values = bench.run("2026-06-30")
    assert values["nrr"] == pytest.approx(1.5)
    assert values["logo_retention"] == 1
    assert values["customer_count"] == 1
    rows = bench.view("net_revenue_retention_all_customers").set_index("qbo_customer_id")
    assert rows.loc["1", ["company_name", "net_revenue_2025", "net_revenue_2026", "ltv", "NRR"]].tolist() == [
        "Company 1", 100, 150, 250, 1.5,
    ]  # fmt: skip
    assert "2" not in rows.index


def test_revenue_on_two_ledger_accounts_is_one_customer(bench: Bench) -> None:
    for year in (2025, 2026):
        bench.sale("1", f"{year}-03-01", 100, "gmv")
        bench.sale("1", f"{year}-03-02", 10, "services")
    values = bench.run("2026-06-30")
    assert (values["customer_count"], values["logo_retention"], values["nrr"]) == (1, 1, 1)


def test_merges_in_a_chain_end_at_the_last_and_circles_are_ignored(bench: Bench) -> None:
    bench.customers("4", "5")
    for old, new in (("1", "2"), ("2", "3"), ("4", "5"), ("5", "4"), ("gone", "3")):
        bench.add("customer_merge", merged_customer_id=old, customer_id=new)
    for number in ("1", "2", "3", "4", "5", "gone"):
        bench.sale(number, "2026-03-01", 10)
    bench.run("2026-06-30")
    rows = bench.view("net_revenue_retention_all_customers").set_index("qbo_customer_id")["net_revenue_2026"]
    assert rows.to_dict() == {"3": 40, "4": 10, "5": 10, "UNKNOWN": 0}


def test_repeated_rows_of_a_customer_never_count_twice(bench: Bench) -> None:
    for year in (2025, 2026):
        bench.sale("1", f"{year}-03-01", 100)
    bench.sale("2", "2025-03-01", 100)
    expected = bench.run("2026-06-30")
    rows = bench.view("customer_development")
    # One row with the old year, one with the new: as a view by account would have it.
    early = rows.assign(net_revenue=0.0)
    late = rows.assign(net_revenue_last_year=0.0, net_revenue_last_year_to_date=0.0)
    bench.warehouse.replace("kpi.customer_development", pd.concat([early, late]))
    found = bench.answer(dt.date(2026, 6, 30)).set_index("metric_key")["metric_value"]
    for key in ("customer_count", "logo_retention", "logo_retention_to_date"):
        assert found[key] == expected[key]


def test_what_became_of_each_customer(bench: Bench) -> None:
    bench.customers("4", "5", "6", "7")
    story = {
        "1": (100, 100, 100),  # retained
        "2": (100, 100, 130),  # expanded
        "3": (100, 100, 70),  # contracted
        "4": (100, 100, 0),  # churned
        "5": (100, 0, 40),  # reactivated
        "6": (0, 0, 25),  # new
    }
    for number, amounts in story.items():
        for year, amount in zip((2024, 2025, 2026), amounts, strict=True):
            if amount:
                bench.sale(number, f"{year}-02-01", amount)
    bench.sale("7", "2024-02-01", 20)
    bench.refund("7", "2026-02-01", 5)
    bench.sale(None, "2026-02-01", 9)
    bench.run("2026-12-31")
    rows = bench.view("customer_development")
    this = rows[rows["fiscal_year"] == 2026].set_index("qbo_customer_id")
    assert this["status"].to_dict() == {
        "1": "retained", "2": "expanded", "3": "contracted", "4": "churned", "5": "reactivated", "6": "new",
        "7": "adjustment", "UNKNOWN": "unknown",
    }  # fmt: skip
    assert this["status_to_date"].to_dict() == this["status"].to_dict()
    assert this["net_revenue_change"].to_dict() == {
        "1": 0, "2": 30, "3": -30, "4": -100, "5": 40, "6": 25, "7": -5, "UNKNOWN": 9,
    }  # fmt: skip
    assert this["net_revenue_change"].sum() == (100 + 130 + 70 + 40 + 25 - 5 + 9) - 400
    assert set(rows.loc[rows["fiscal_year"] == 2024, "status"]) == {"opening"}
    assert rows.loc[rows["fiscal_year"] == 2024, "net_revenue_change"].isna().all()


def test_the_year_to_date_is_compared_like_for_like(bench: Bench) -> None:
    bench.sale("1", "2024-02-01", 1)
    bench.sale("2", "2025-09-01", 100)  # new last year, after the date
    bench.sale("2", "2026-01-20", 30)
    bench.sale("3", "2025-09-01", 100)  # not back, and not due yet
    bench.run("2026-02-28")
    rows = bench.view("customer_development").query("fiscal_year == 2026").set_index("qbo_customer_id")
    assert rows["status"].to_dict() == {"2": "contracted", "3": "churned"}
    assert rows.loc["2", "status_to_date"] == "new"
    assert rows["status_to_date"].isna()["3"]


@pytest.mark.parametrize(
    ("as_of", "day", "inside"),
    [
        ("2025-02-28", "2024-02-29", True),
        ("2025-02-27", "2024-02-28", False),
        ("2024-02-29", "2023-02-28", True),
        ("2026-06-30", "2025-06-30", True),
        ("2026-06-29", "2025-06-30", False),
    ],
)
def test_to_date_ends_on_the_same_date_a_year_earlier(
    bench: Bench, as_of: str, day: str, inside: bool
) -> None:
    bench.sale("1", f"{day[:4]}-01-05", 100)
    bench.sale("1", day, 100)
    bench.sale("1", f"{as_of[:4]}-01-05", 100)
    values = bench.run(as_of)
    assert values["nrr_to_date"] == pytest.approx(0.5 if inside else 1)
    rows = bench.view("net_revenue_retention_all_customers").set_index("qbo_customer_id")
    assert rows.loc["1", "net_revenue_last_year_to_date"] == (200 if inside else 100)


# Pipeline


def test_pipeline_coverage(bench: Bench) -> None:
    bench.add("company", id=1, property_quota=300)
    bench.add("company", id=2, property_quota=100)
    bench.add("company", id=3, property_quota=None)
    bench.deal("2026-06-20", 200)  # weighted 100, this quarter
    bench.deal("2026-09-20", 400, property_hs_forecast_amount=50)  # the owner's forecast
    bench.deal("2026-05-01", 60)  # late: weighted 30
    bench.deal("2026-06-30", 40, owner_id=None)  # without owner: weighted 20, this quarter
    bench.deal("2026-06-25", None)  # without amount: nothing
    bench.deal("2026-06-25", 999, is_deleted=True)
    bench.deal("2026-08-25", 999, property_createdate="2026-06-02 12:00")  # not there yet
    bench.deal("2026-04-02", 150, property_hs_is_closed=True, property_hs_is_closed_won=True)
    bench.deal("2026-03-31", 150, property_hs_is_closed=True, property_hs_is_closed_won=True)  # last quarter
    bench.deal("2026-04-03", 150, property_hs_is_closed=True)  # lost
    bench.deal("2026-06-10", 80, property_hs_is_closed=True, property_hs_is_closed_won=True)  # after the day
    values = bench.run("2026-06-01")
    assert values["pipeline_coverage"] == pytest.approx((100 + 50 + 30 + 20 + 40) / 400)
    assert values["pipeline_coverage_remaining_quarter"] == pytest.approx((100 + 20 + 40) / (400 - 150))
    quotas = bench.view("quota_to_win").sort_values("amount")
    assert list(zip(quotas["part"], quotas["source_id"], quotas["amount"], strict=True)) == [
        ("won", 8, -150), ("quota", 2, 100), ("quota", 1, 300),
    ]  # fmt: skip
    rows = bench.view("open_pipeline").set_index("deal_id")
    assert rows.index[rows["is_late"]].tolist() == [3]
    assert rows.index[rows["owner_id"].isna()].tolist() == [4]


def test_a_deal_closes_on_its_local_date(bench: Bench) -> None:
    bench.add("company", id=1, property_quota=100)
    bench.deal("", 100, property_closedate="2026-06-30 23:30")  # already July in UTC
    assert bench.run("2026-06-01")["pipeline_coverage_remaining_quarter"] == pytest.approx(0.5)


@pytest.mark.parametrize("quota", [0, None])
def test_a_quota_of_zero_has_no_coverage(bench: Bench, quota: float | None) -> None:
    bench.add("company", id=1, property_quota=quota)
    bench.deal("2026-06-20", 200)
    values = bench.run("2026-06-01")
    assert values["pipeline_coverage"] is None
    assert values["pipeline_coverage_remaining_quarter"] is None


def test_a_quota_that_is_won_has_no_rest(bench: Bench) -> None:
    bench.add("company", id=1, property_quota=100)
    bench.deal("2026-06-20", 200)
    bench.deal("2026-05-20", 100, property_hs_is_closed=True, property_hs_is_closed_won=True)
    values = bench.run("2026-06-01")
    assert values["pipeline_coverage"] == 1
    assert values["pipeline_coverage_remaining_quarter"] is None


def test_a_quota_without_open_deals_is_not_covered_at_all(bench: Bench) -> None:
    bench.add("company", id=1, property_quota=100)
    values = bench.run("2026-06-01")
    assert values["pipeline_coverage"] == 0
    assert values["pipeline_coverage_remaining_quarter"] == 0


# Inventory, contracts, organizers


def test_new_inventory_goes_by_the_local_day_it_went_live(bench: Bench) -> None:
    for number, listed in enumerate(
        ["2025-12-31 23:30", "2026-01-01 00:10", "2026-06-30 23:59", "2026-07-01 00:00", None], start=1
    ):
        bench.add("listing", listing_id=number, listed_at=listed)
    assert bench.run("2026-06-30")["person_new_inventory"] == 2


def test_contract_spend(bench: Bench) -> None:
    bench.contract(1, 100, "2026-01-01", "2026-12-31")
    bench.offer(1, "2026-03-01", 60)
    bench.offer(1, "2026-03-02", 500, "declined")
    bench.offer(1, "2026-03-02", 500, "cancelled")
    bench.offer(1, "2026-07-01", 40)  # after the day
    bench.contract(2, 100, "2026-06-01", "2026-06-30")  # running on its last day, overspent
    bench.offer(2, "2026-06-10", 130)
    bench.contract(3, 200, "2025-01-01", "2026-06-29")  # over
    bench.offer(3, "2025-06-10", 150)
    bench.contract(4, 50, "2026-02-01", None)  # no end
    bench.contract(5, 100, "2026-07-01", "2026-12-31")  # not signed yet
    bench.contract(6, 0, "2026-02-01", "2026-12-31")
    values = bench.run("2026-06-30")
    assert values["person_contract_spend"] == pytest.approx((60 + 130 + 0 + 0) / (100 + 100 + 50 + 0))
    rows = bench.view("Upfront_Contract_Spend_Query").set_index("contract_id").sort_index()
    assert rows["status"].to_dict() == {
        1: "on track", 2: "overspent", 3: "underspent", 4: "no end date", 6: "spent",
    }  # fmt: skip
    assert rows.loc[1, "elapsed_pct"] == pytest.approx(181 / 365)
    assert rows.loc[2, "elapsed_pct"] == 1
    assert rows["spent_pct"].isna().tolist() == [False, False, False, False, True]


def test_a_contract_that_is_behind_its_time(bench: Bench) -> None:
    bench.contract(1, 100, "2026-01-01", "2026-12-31")
    bench.offer(1, "2026-03-01", 49)
    bench.run("2026-06-30")
    assert bench.view("Upfront_Contract_Spend_Query")["status"].tolist() == ["behind"]


@pytest.mark.parametrize(
    ("days", "median"),
    [((), None), ((9,), 9), ((4, 10), 7), ((5, 5, 5, 80), 5), ((3, 8, 8, 8, 90), 8), ((0, 0, 1, 200), 0.5)],
)
def test_time_to_fulfill_is_a_median_with_ties(
    bench: Bench, days: tuple[int, ...], median: float | None
) -> None:
    for number, length in enumerate(days, start=1):
        bench.contract(number, 100, "2025-01-01", None)
        end = dt.date(2026, 2, 1)
        bench.offer(number, str(end - dt.timedelta(days=length)), 40)
        bench.offer(number, str(end), 60)
    bench.contract(90, 100, "2025-01-01", None)  # open: half spent
    bench.offer(90, "2026-01-01", 50)
    bench.contract(91, 100, "2024-01-01", None)  # fulfilled in another year
    bench.offer(91, "2024-01-01", 50)
    bench.offer(91, "2024-12-01", 50)
    bench.contract(92, 0, "2024-01-01", None)  # worth nothing and without offers: open
    assert bench.run("2026-06-30")["person_time_to_fulfill"] == median
    rows = bench.view("Days_to_Fulfill_Contract_Program").set_index("contract_id")["status"]
    assert rows[[90, 91, 92]].tolist() == ["open", "fulfilled", "open"]


def test_nps_over_the_year_and_by_month_with_a_month_without_responses(bench: Bench) -> None:
    scores = [("2026-01-10", 10), ("2026-01-11", 9), ("2026-01-12", 8), ("2026-01-31", 6),
              ("2026-03-01", 0), ("2026-03-02", 7), ("2026-03-02", None), ("2026-03-03", 11),
              ("2025-12-31", 10), ("2026-04-01", 0)]  # fmt: skip
    for number, (day, score) in enumerate(scores, start=1):
        bench.add("organizer_recap", recap_id=number, submitted_at=f"{day} 22:00", nps_score=score)
    values = bench.run("2026-03-31")
    assert values["person_nps"] == pytest.approx(100 * (2 - 2) / 6)
    rows = bench.view("organizer_recap_NPS_score")
    months = rows.drop_duplicates("month").set_index(rows["month"].drop_duplicates().dt.strftime("%Y-%m"))
    assert months["month_responses"].to_dict() == {"2025-12": 1, "2026-01": 4, "2026-02": 0, "2026-03": 2}
    assert months["month_nps"].drop("2026-02").to_dict() == {"2025-12": 100, "2026-01": 25, "2026-03": -50}
    quiet = rows[rows["month"] == "2026-02-01"]
    assert len(quiet) == 1
    assert quiet[["response_id", "score", "month_nps", "category"]].isna().all(axis=None)


def test_a_year_without_responses_has_no_nps(bench: Bench) -> None:
    bench.add("organizer_recap", recap_id=1, submitted_at="2025-03-03 12:00", nps_score=9)
    assert bench.run("2026-03-31")["person_nps"] is None
