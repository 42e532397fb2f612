"""Every card walked to its rows and worked out again in plain pandas, from the source frames alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kpi_lib.domains.marketplace.sample import Sample, make
from kpi_lib.quality.reconciliations import read_reconciliations
from kpi_lib.warehouse import load_sources, write_sources
from tests.marketplace_bench import SUITES, ZONE, Bench

#: Last day of the sample and as-of date: an ordinary day, ends of a year and of months, one in the past.
CASES = (
    ("2026-11-20", "2026-11-20"),
    ("2027-01-01", "2027-01-01"),
    ("2024-02-29", "2024-02-29"),
    ("2025-02-28", "2025-02-28"),
    ("2026-12-31", "2026-12-31"),
    ("2026-11-20", "2025-08-17"),
)


@dataclass(frozen=True)
class Built:
    sample: Sample
    bench: Bench
    as_of: dt.date
    values: dict[str, float | None]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-as-of-".join(case))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    until, as_of = map(dt.date.fromisoformat, request.param)
    folder = tmp_path_factory.mktemp("marketplace")
    sample = make(until)
    with Bench(folder) as bench:
        write_sources(sample.frames, bench.catalogue, folder / "landing", sample.manifest)
        load_sources(bench.warehouse, bench.catalogue, folder / "landing")
        bench.build(as_of)
        frame = bench.answer(as_of)
        bench.warehouse.replace("kpi.dashboard_kpis", frame)
        pairs = zip(frame["metric_key"], frame["metric_value"], strict=True)
        yield Built(sample, bench, as_of, {key: None if pd.isna(value) else value for key, value in pairs})


# The second opinion: no SQL, whole cents, one customer at a time.


def ledger(sample: Sample) -> pd.DataFrame:
    """Return customer, day, account number, account name and cents of every revenue line."""
    frames, merged = sample.frames, sample.frames["customer_merge"]
    accounts = frames["account"].dropna(subset="account_number").copy()
    accounts["group"] = accounts["account_number"].str.split().str[0].astype(int)
    accounts = accounts[accounts["group"].between(4000, 4190)]
    parts = []
    for source, sign in (("invoice", 1), ("credit_memo", -1)):
        heads = frames[source][~frames[source]["_fivetran_deleted"]]
        lines = frames[f"{source}_line"].merge(heads, left_on=f"{source}_id", right_on="id")
        lines = lines.merge(
            accounts, left_on="sales_item_account_id", right_on="id", suffixes=("", "_account")
        )
        lines["cents"] = sign * (lines["amount"].astype("float64") * 100).round().astype("int64")
        parts.append(lines[["customer_id", "transaction_date", "account_number", "name", "cents"]])
    rows = pd.concat(parts, ignore_index=True)
    becomes = dict(zip(merged["merged_customer_id"], merged["customer_id"], strict=True))
    known = set(frames["customer"]["id"])
    rows["customer"] = [
        "UNKNOWN" if pd.isna(number) or number not in known else becomes.get(number, number)
        for number in rows["customer_id"]
    ]
    return rows


def a_year_before(day: dt.date) -> pd.Timestamp:
    then = pd.Timestamp(day) - pd.DateOffset(years=1)
    return then + pd.offsets.MonthEnd(0) if pd.Timestamp(day).is_month_end else then


def revenue_by_customer(rows: pd.DataFrame, first: Any, last: Any) -> dict[str, int]:
    inside = rows[
        (rows["transaction_date"] >= pd.Timestamp(first)) & (rows["transaction_date"] <= pd.Timestamp(last))
    ]
    return {str(key): int(value) for key, value in inside.groupby("customer")["cents"].sum().items()}


def over(top: float, bottom: float) -> float | None:
    return top / bottom if bottom > 0 else None


def local(times: pd.Series) -> pd.Series:
    return times.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()


def second_opinion(sample: Sample, as_of: dt.date) -> dict[str, float | None]:
    rows, day, start = ledger(sample), pd.Timestamp(as_of), dt.date(as_of.year, 1, 1)
    this = revenue_by_customer(rows, start, as_of)
    last = revenue_by_customer(rows, dt.date(as_of.year - 1, 1, 1), dt.date(as_of.year - 1, 12, 31))
    then = revenue_by_customer(rows, dt.date(as_of.year - 1, 1, 1), a_year_before(as_of))
    year = rows[(rows["transaction_date"] >= pd.Timestamp(start)) & (rows["transaction_date"] <= day)]
    services = year[year["account_number"].str.startswith("4000") & ~year["name"].str.contains("Event")][
        "cents"
    ].sum()
    found = {
        "revenue_ytd": sum(this.values()) / 100,
        "take_rate": over(services, year.loc[year["account_number"] == "4100 01", "cents"].sum()),
        "customer_count": sum(cents > 0 for number, cents in this.items() if number != "UNKNOWN"),
    }
    for ending, base in (("", last), ("_to_date", then)):
        had = {number: cents for number, cents in base.items() if cents > 0 and number != "UNKNOWN"}
        found[f"nrr{ending}"] = over(sum(this.get(number, 0) for number in had), sum(had.values()))
        found[f"logo_retention{ending}"] = over(sum(this.get(number, 0) > 0 for number in had), len(had))
    found |= pipeline(sample, as_of) | programs(sample, as_of)
    for key in ("revenue_ytd", "take_rate", "nrr"):
        found[f"person_{key}"] = found[key]
    return found


def pipeline(sample: Sample, as_of: dt.date) -> dict[str, float | None]:
    chances = sample.frames["deal_pipeline_stage"].set_index("stage_id")["probability"].to_dict()
    quota = float(sample.frames["company"]["property_quota"].astype("float64").sum())
    deals = sample.frames["deal"][~sample.frames["deal"]["is_deleted"]].copy()
    deals["closes"], deals["created"] = (
        local(deals["property_closedate"]),
        local(deals["property_createdate"]),
    )
    day = pd.Timestamp(as_of)
    quarter = day.to_period("Q")
    weighted = soon = won = 0.0
    for deal in deals.itertuples():
        closed = deal.property_hs_is_closed and deal.closes <= day
        if deal.property_hs_is_closed_won and quarter.start_time <= deal.closes <= day:
            won += float(deal.property_amount)
        if closed or deal.created > day:
            continue
        amount = 0.0
        if not pd.isna(deal.property_hs_forecast_amount):
            amount = float(deal.property_hs_forecast_amount)
        elif not pd.isna(deal.property_amount):
            amount = float(deal.property_amount) * chances[deal.deal_pipeline_stage_id]
        weighted += amount
        soon += amount if day <= deal.closes <= quarter.end_time else 0
    return {
        "pipeline_coverage": over(weighted, quota),
        "pipeline_coverage_remaining_quarter": over(soon, quota - won),
    }


def programs(sample: Sample, as_of: dt.date) -> dict[str, float | None]:
    day, frames = pd.Timestamp(as_of), sample.frames
    listed = local(frames["listing"]["listed_at"])
    offers = frames["offer"].assign(day=local(frames["offer"]["accepted_at"]))
    offers = offers[(offers["status"] == "accepted") & (offers["day"] <= day)]
    spent = total = 0.0
    days = []
    for contract in frames["contract"].itertuples():
        if contract.close_date > day:
            continue
        own = offers[offers["contract_id"] == contract.contract_id]
        used = float(own["amount"].astype("float64").sum().round(2))
        if pd.isna(contract.end_date) or contract.end_date >= day:
            spent, total = spent + used, total + float(contract.contract_value)
        if len(own) and used >= float(contract.contract_value) and own["day"].max().year == as_of.year:
            days.append((own["day"].max() - own["day"].min()).days)
    recaps = frames["organizer_recap"].assign(day=local(frames["organizer_recap"]["submitted_at"]))
    recaps = recaps[(recaps["day"] <= day) & (recaps["day"].dt.year == as_of.year)]
    scores = recaps["nps_score"].dropna().astype(int).to_numpy()
    return {
        "person_new_inventory": int(((listed <= day) & (listed.dt.year == as_of.year)).sum()),
        "person_contract_spend": over(spent, total),
        "person_time_to_fulfill": float(np.median(days)) if days else None,
        "person_nps": 100 * float((scores >= 9).mean() - (scores <= 6).mean()) if len(scores) else None,
    }


def test_every_headline_is_confirmed(built: Built) -> None:
    expected = second_opinion(built.sample, built.as_of)
    assert set(expected) == set(built.values)
    for key, value in expected.items():
        assert built.values[key] == (None if value is None else pytest.approx(value, rel=1e-12, abs=1e-9)), (
            key
        )


def test_the_views_hold_what_the_sample_planted(built: Built) -> None:
    planted, year = built.sample.planted, built.as_of.year
    rows = built.bench.view("net_revenue_retention_all_customers").set_index("qbo_customer_id")
    if built.as_of.isoformat() != built.sample.manifest["sources"]["invoice"]["complete_through"]:
        year -= 1  # of a day in the past, only the years that were over
    for number, amounts in {**planted["net_revenue"], "UNKNOWN": planted["unknown"]}.items():
        for planted_year in range(min(amounts), year + 1):
            found = rows.loc[number, f"net_revenue_{planted_year}"] if number in rows.index else 0
            assert found == pytest.approx(amounts[planted_year] / 100, abs=1e-6)
    cohorts = built.bench.view("cohort_retention_matrix_by_customer").set_index(
        ["qbo_customer_id", "fiscal_year"]
    )
    for number, amounts in planted["net_revenue"].items():
        first = next((item for item, cents in amounts.items() if cents > 0 and item <= year), None)
        if first is not None:
            assert cohorts.loc[(number, first), ["cohort_year", "age_years"]].tolist() == [first, 0]


def test_what_became_of_a_customer_by_its_plain_rules(built: Built) -> None:
    rows = ledger(built.sample)
    rows = rows[rows["transaction_date"] <= pd.Timestamp(built.as_of)]
    table = rows.assign(year=rows["transaction_date"].dt.year).pivot_table(
        index="customer", columns="year", values="cents", aggfunc="sum", fill_value=0
    )
    view = (
        built.bench.view("customer_development")
        .set_index(["qbo_customer_id", "fiscal_year"])["status"]
        .to_dict()
    )
    expected = {}
    for customer, amounts in table.iterrows():
        for year in table.columns:
            now, before = amounts[year], amounts.get(year - 1, 0)
            ever = any(amounts[item] > 0 for item in table.columns if item < year)
            if now == 0 and before == 0:
                continue
            if customer == "UNKNOWN":
                status = "unknown"
            elif year == table.columns[0]:
                status = "opening"
            elif before > 0:
                kept = {1: "expanded", 0: "retained", -1: "contracted"}[int(np.sign(now - before))]
                status = kept if now > 0 else "churned"
            elif now > 0:
                status = "reactivated" if ever else "new"
            else:
                status = "adjustment"
            expected[customer, year] = status
    assert view == expected


def rules(built: Built) -> dict[str, int]:
    params = {
        "as_of": built.as_of,
        "time_zone": ZONE,
        "first_day": dt.date(built.as_of.year - 4, 1, 1),
        "last_day": built.as_of,
    }
    return {
        rule.name: len(built.bench.warehouse.query(rule.sql, params))
        for rule in read_reconciliations(SUITES / "reconciliations")
    }


def test_the_gate_s_rules_hold(built: Built) -> None:
    found = rules(built)
    assert len(found) == 7
    assert not any(found.values()), found


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Built]:
    as_of, sample = dt.date(2026, 11, 20), make(dt.date(2026, 11, 20))
    with Bench(tmp_path) as bench:
        write_sources(sample.frames, bench.catalogue, tmp_path / "landing", sample.manifest)
        load_sources(bench.warehouse, bench.catalogue, tmp_path / "landing")
        bench.build(as_of)
        bench.warehouse.replace("kpi.dashboard_kpis", bench.answer(as_of))
        yield Built(sample, bench, as_of, {})


def test_contracts_and_deals_are_those_planted(small: Built) -> None:
    contracts = small.bench.view("Upfront_Contract_Spend_Query")
    for status, key in (("overspent", "overspent"), ("spent", "spent")):
        assert (
            sorted(contracts.loc[contracts["status"] == status, "contract_id"])
            == small.sample.planted["contracts"][key]
        )
    deals = small.bench.view("open_pipeline")
    assert sorted(deals["deal_id"]) == small.sample.planted["deals"]["open"]
    assert sorted(deals.loc[deals["is_late"], "deal_id"]) == small.sample.planted["deals"]["late"]
    assert (
        sorted(deals.loc[deals["owner_id"].isna(), "deal_id"])
        == small.sample.planted["deals"]["without_owner"]
    )


def doubled(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows])


def without_largest(column: str, *by: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda rows: rows.sort_values([*by, column], na_position="first").iloc[:-1]


@pytest.mark.parametrize(
    ("table", "damage", "broken"),
    [
        ("kpi.net_revenue_retention_all_customers", doubled, {"ledger_to_views", "customers_once"}),
        (
            "kpi.cohort_retention_matrix_by_customer",
            without_largest("net_revenue", "fiscal_year"),
            {"ledger_to_views", "headlines_foot"},
        ),
        (
            "kpi.customer_development",
            without_largest("net_revenue", "fiscal_year"),
            {"development_explains_change", "headlines_foot"},
        ),
        ("kpi.customer_development", doubled, {"development_explains_change", "customers_once"}),
        (
            "kpi.Upfront_Contract_Spend_Query",
            without_largest("spent", "is_active"),
            {"contracts_to_offers", "headlines_foot"},
        ),
        ("kpi.Days_to_Fulfill_Contract_Program", doubled, {"contracts_to_offers"}),
        ("kpi.organizer_recap_NPS_score", doubled, {"responses_to_view"}),
        ("kpi.open_pipeline", without_largest("weighted_amount"), {"headlines_foot"}),
        ("kpi.revenue_by_account", without_largest("take_rate_part"), {"headlines_foot"}),
        ("kpi.new_inventory", without_largest("listing_id", "fiscal_year"), {"headlines_foot"}),
        ("src_fivetran_qbo.account", without_largest("account_number"), {"lines_without_account"}),
    ],
)
def test_the_gate_s_rules_notice_damage(
    small: Built, table: str, damage: Callable[[pd.DataFrame], pd.DataFrame], broken: set[str]
) -> None:
    rows = small.bench.warehouse.query(f"SELECT * FROM {table}")
    small.bench.warehouse.replace(table, damage(rows))
    assert broken <= {name for name, count in rules(small).items() if count}
