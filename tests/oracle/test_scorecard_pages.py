"""Every card of the built scorecard walked to the rows of its drill-down, and each pace worked out again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from kpi_lib.catalogue import load_catalogue
from kpi_lib.catalogue.scorecard import load_scorecard
from kpi_lib.catalogue.settings import SHIPPED_DOMAINS
from kpi_lib.catalogue.targets import period_bounds
from kpi_lib.domains.marketplace.sample import make
from kpi_lib.errors import DefinitionError, UsageError, WarehouseError
from kpi_lib.pipeline import scorecard
from kpi_lib.reporting import board_charts, page_words
from kpi_lib.reporting.board import Board, load_board, year_before
from kpi_lib.reporting.board_pieces import table
from kpi_lib.reporting.cohort_chart import cohort_matrix, squares
from kpi_lib.reporting.downloads import csv_text
from kpi_lib.warehouse import DuckDBWarehouse, load_sources, write_sources
from kpi_lib.warehouse.reader import Reader
from kpi_lib.warehouse.tables import physical_layers

AS_OF = dt.date(2026, 11, 20)
FIRST = dt.date(2022, 1, 1)
NOW = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)
CATALOGUE = load_catalogue(SHIPPED_DOMAINS / "marketplace")
TARGETS = Path(__file__).parents[2] / "kpi_lib" / "domains" / "targets.json"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("scorecard")
    sample = make(AS_OF)
    write_sources(sample.frames, CATALOGUE, folder / "landing", sample.manifest)
    file = folder / "test.duckdb"
    with DuckDBWarehouse.open(file, physical_layers(CATALOGUE)) as warehouse:
        load_sources(warehouse, CATALOGUE, folder / "landing")
        scorecard.build_tables(warehouse, CATALOGUE, AS_OF)
        scorecard.refresh(warehouse, CATALOGUE, AS_OF, NOW, first_day=FIRST)
    opened = DuckDBWarehouse.open(file, physical_layers(CATALOGUE), read_only=True)
    with Reader(opened, CATALOGUE, file, TARGETS) as made:
        yield made


@pytest.fixture(scope="module")
def board(reader: Reader) -> Board:
    return load_board(reader)


def from_rows(board: Board, reader: Reader) -> dict[str, float]:
    """Each headline from nothing but the rows that its page shows."""
    year = board.fiscal_year
    accounts = reader.detail("revenue_by_account")
    customers = reader.detail("net_revenue_retention_all_customers")
    known = customers[customers["qbo_customer_id"] != "UNKNOWN"]
    had = known[known[f"net_revenue_{year - 1}"] > 0]
    then = known[known["net_revenue_last_year_to_date"] > 0]
    rows = reader.detail("customer_development", {"fiscal_year": year})
    rows = rows[rows["qbo_customer_id"] != "UNKNOWN"]
    kept = rows["status"].isin(["retained", "expanded", "contracted"]).sum()
    kept_then = rows["status_to_date"].isin(["retained", "expanded", "contracted"]).sum()
    pipeline, quotas = reader.detail("open_pipeline"), reader.detail("quota_to_win")
    closing = pipeline[pipeline["closes_this_quarter"]]["weighted_amount"].sum()
    contracts = reader.detail("Upfront_Contract_Spend_Query", {"is_active": True})
    days = reader.detail("Days_to_Fulfill_Contract_Program", {"fulfilled_fiscal_year": year})
    scores = reader.detail("organizer_recap_NPS_score", {"fiscal_year": year})["score"].dropna()
    found = {
        "revenue_ytd": accounts["net_revenue"].sum(),
        "take_rate": accounts["take_rate_part"].sum(),
        "nrr": had[f"net_revenue_{year}"].sum() / had[f"net_revenue_{year - 1}"].sum(),
        "nrr_to_date": then[f"net_revenue_{year}"].sum() / then["net_revenue_last_year_to_date"].sum(),
        "logo_retention": kept / (kept + (rows["status"] == "churned").sum()),
        "logo_retention_to_date": kept_then / (kept_then + (rows["status_to_date"] == "churned").sum()),
        "customer_count": (rows["net_revenue"] > 0).sum(),
        "pipeline_coverage": pipeline["coverage_part"].sum(),
        "pipeline_coverage_remaining_quarter": closing / quotas["amount"].sum(),
        "person_new_inventory": len(reader.detail("new_inventory", {"fiscal_year": year})),
        "person_contract_spend": contracts["spent"].sum() / contracts["contract_value"].sum(),
        "person_time_to_fulfill": days["days_between"].median(),
        "person_nps": 100 * ((scores >= 9).mean() - (scores <= 6).mean()),
    }
    for key in ("revenue_ytd", "take_rate", "nrr"):
        found[f"person_{key}"] = found[key]
    return {key: float(value) for key, value in found.items()}


def test_every_card_is_what_its_rows_add_up_to(board: Board, reader: Reader) -> None:
    expected = from_rows(board, reader)
    frame = reader.scorecard()
    values = dict(zip(frame["metric_key"], frame["metric_value"], strict=True))
    assert set(values) == set(expected)
    for key, value in expected.items():
        assert values[key] == pytest.approx(value, rel=1e-12), key
    for item in board.standings:
        assert item.value == values[item.metric.key]
        assert not reader.detail(item.metric.view).empty
        assert item.metric.page in {report.name for report in CATALOGUE.reports}


def test_a_year_ago_is_what_that_day_s_build_says(board: Board, reader: Reader, tmp_path: Path) -> None:
    then = year_before(AS_OF)
    sample = make(AS_OF)
    write_sources(sample.frames, CATALOGUE, tmp_path / "landing", sample.manifest)
    with DuckDBWarehouse.open(tmp_path / "then.duckdb", physical_layers(CATALOGUE)) as warehouse:
        load_sources(warehouse, CATALOGUE, tmp_path / "landing")
        scorecard.build_tables(warehouse, CATALOGUE, then)
        frame = scorecard.refresh(warehouse, CATALOGUE, then, NOW, first_day=then)
    values = dict(zip(frame["metric_key"], frame["metric_value"], strict=True))
    for item in board.standings:
        assert item.prior == (values[item.metric.key] if item.metric.dated else None)


def test_pace_follows_last_year_s_revenue(board: Board) -> None:
    sample = make(AS_OF)
    from tests.oracle.test_marketplace import ledger, revenue_by_customer

    rows = ledger(sample)
    to_date = sum(revenue_by_customer(rows, "2025-01-01", "2025-11-20").values())
    total = sum(revenue_by_customer(rows, "2025-01-01", "2025-12-31").values())
    item = board.standing("revenue_ytd")
    assert item is not None and item.pace is not None
    assert item.pace.basis == "seasonal"
    assert item.pace.expected == pytest.approx(item.pace.target.target * to_date / total)
    ratio = board.standing("take_rate")
    assert ratio is not None and ratio.pace is not None and ratio.pace.basis == "whole"
    assert period_bounds(item.pace.target.period, CATALOGUE.calendar) == (
        dt.date(2026, 1, 1),
        dt.date(2026, 12, 31),
    )


def test_bridges_reach_from_one_year_to_the_other(board: Board, reader: Reader) -> None:
    totals = reader.detail("net_revenue_retention_all_customers")
    sketch = board_charts.development_bridge(board)
    bars = sketch.wide["datasets"]["bars"]
    assert bars[0]["z"] == pytest.approx(totals["net_revenue_2025"].sum())
    assert bars[-1]["z"] == pytest.approx(totals["net_revenue_2026"].sum())
    for before, after in pairwise(bars[1:-1]):
        assert after["y"] == pytest.approx(before["z"])


@pytest.mark.parametrize("kind", board_charts.KINDS)
def test_every_chart_says_in_words_what_it_shows(board: Board, kind: str) -> None:
    _, draw = board_charts.KINDS[kind]
    sketch = draw(board)
    assert len(sketch.description) > 30 and "nan" not in sketch.description.lower()
    readings = sketch.wide["datasets"]["readings"]
    assert readings and all(row["t"][0] and any(row["t"][1:]) for row in readings)


def test_the_cohort_matrix_is_counted_from_the_rows(board: Board, reader: Reader) -> None:
    rows = reader.detail("cohort_retention_matrix_by_customer")
    rows = rows[rows["cohort_year"].notna() & (rows["qbo_customer_id"] != "UNKNOWN")]
    found = {(square.cohort, square.age): square for square in squares(board)}
    assert len(found) == len(rows.groupby(["cohort_year", "age_years"]))
    for (cohort, age), square in found.items():
        own = [
            row for row in rows.to_dict("records") if (row["cohort_year"], row["age_years"]) == (cohort, age)
        ]
        assert (square.customers, square.size) == (sum(row["has_revenue"] for row in own), len(own))
        assert square.revenue == pytest.approx(sum(row["net_revenue"] for row in own))
        assert square.whole == (cohort + age < board.fiscal_year)
    outlined = [row for row in cohort_matrix(board).wide["datasets"]["readings"] if row["w"]]
    assert {int(row["y"]) + int(row["x"]) for row in outlined} == {board.fiscal_year}


def test_the_funnel_goes_from_the_least_to_the_most_likely_stage(board: Board, reader: Reader) -> None:
    deals = reader.detail("open_pipeline")
    sketch = board_charts.KINDS["pipeline_stages"][1](board)
    names = [row["text"] for row in sketch.wide["datasets"]["names"]]
    likely = deals.groupby("stage")["probability"].median()
    assert [likely[name] for name in names] == sorted(likely)
    ends = [row["z"] for row in sketch.wide["datasets"]["bars"]]
    assert sum(ends) == pytest.approx(deals["weighted_amount"].sum())
    marks = [row["x"] for row in sketch.wide["datasets"]["marks"]]
    assert sum(marks) == pytest.approx(deals["amount"].sum())


def test_the_funnel_says_what_its_weights_are(board: Board) -> None:
    sketch = board_charts.KINDS["pipeline_stages"][1](board)
    rule = "the owner’s forecast where there is one, else the amount times the probability of its stage"
    assert rule in sketch.description and f"Bars: {rule}." in sketch.caption
    assert "weighted by" not in str(sketch.wide).lower()


def test_the_customers_page_counts_against_the_same_days(board: Board, reader: Reader) -> None:
    rows = reader.detail("customer_development", {"fiscal_year": board.fiscal_year})
    rows = rows[rows["qbo_customer_id"] != "UNKNOWN"]
    counts = rows["status_to_date"].value_counts()
    assert counts["contracted"] != (rows["status"] == "contracted").sum()
    sentence = page_words.headline(board, "customers")
    assert sentence.startswith(
        f"{(rows['net_revenue'] > 0).sum()} customers by 20 November 2026; against the"
    )
    assert f"{counts['churned']} without net revenue and {counts['contracted']} smaller" in sentence
    sketch = board_charts.KINDS["customers_by_status"][1](board)
    assert f"{counts['contracted']} contracted" in sketch.description
    assert "against the same days of last year" in sketch.caption
    below = int(((rows["status_to_date"] == "churned") & (rows["net_revenue"] < 0)).sum())
    noted = f"{below} of the customers without net revenue" in page_words.lede(board, "customers").plain
    assert noted == (below > 0)


class OneView:
    """A warehouse with the rows of one detail view."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows

    def detail(self, view: str) -> pd.DataFrame:
        return self.rows


def on_rows(board: Board, rows: pd.DataFrame, page: str) -> str:
    return page_words.headline(replace(board, reader=OneView(rows)), page)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ([10, 40, 90], "Half of the 3 contracts fulfilled in 2026 took 40 days or less"),
        ([10, 31], "Half of the 2 contracts fulfilled in 2026 took 20.5 days or less"),
        ([1], "The one contract fulfilled in 2026 took 1 day"),
    ],
)
def test_the_days_are_those_of_the_contracts_fulfilled_this_year(
    board: Board, days: list[int], sentence: str
) -> None:
    rows = pd.DataFrame({"fulfilled_fiscal_year": 2026, "days_between": days})
    running = pd.DataFrame({"fulfilled_fiscal_year": [None, 2025], "days_between": [None, 500]})
    assert on_rows(board, pd.concat([rows, running]).astype(float), "days_to_fulfill") == sentence


@pytest.mark.parametrize(("behind", "ending"), [(0, "0 of 3 are"), (1, "1 of 3 is"), (2, "2 of 3 are")])
def test_one_contract_is_and_two_are_behind(board: Board, behind: int, ending: str) -> None:
    status = ["behind"] * behind + ["on track"] * (3 - behind)
    rows = pd.DataFrame({"is_active": True, "contract_value": 100.0, "spent": 50.0, "status": status})
    assert on_rows(board, rows, "contract_spend").endswith(f"; {ending} behind")


PAGES = dict.fromkeys([*(metric.page for metric in load_scorecard(CATALOGUE.folder).metrics), "cohorts"])


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_sentence_with_a_figure(board: Board, page: str) -> None:
    sentence = page_words.headline(board, page)
    assert any(character.isdigit() for character in sentence), sentence
    assert page_words.metrics_of(board, page) or page == "cohorts"


def test_the_table_holds_the_view_s_rows_and_no_formula(board: Board, reader: Reader) -> None:
    for view in board.scorecard.views:
        piece = table(board, view.name)
        assert "data-sortable" in piece.html and "style=" not in piece.html and "<script" not in piece.html
        text = csv_text(reader.detail(view.name))
        assert text.count("\r\n") == len(reader.detail(view.name)) + 1
    evil = pd.DataFrame({"a": ["=1+1", "@x", "plain", None], "b": [1.0, float("nan"), 2.5, -3.0]})
    assert csv_text(evil).splitlines() == ["a,b", "'=1+1,1.0", "'@x,", "plain,2.5", ",-3.0"]


def test_the_reader_answers_and_refuses(reader: Reader) -> None:
    assert len(reader.scorecard()) == 16
    company = reader.scorecard(department="company")
    assert len(company) == 9 and company["person_name"].isna().all()
    assert reader.scorecard(person="Victoria")["metric_key"].tolist() == ["person_time_to_fulfill"]
    assert len(reader.scorecard(fiscal_year=2026)) == 16
    assert reader.as_of() == AS_OF and reader.watermark() == AS_OF
    assert len(reader.scorecard_history()) == 16
    for call, error in (
        (lambda: reader.scorecard(person="Victorya"), UsageError),
        (lambda: reader.scorecard(department="sale"), UsageError),
        (lambda: reader.scorecard(fiscal_year=1999), UsageError),
        (lambda: reader.detail("customer_developmen"), DefinitionError),
        (lambda: reader.detail("customer_development", {"1=1 --": 1}), UsageError),
        (lambda: reader.today(), UsageError),
        (lambda: reader.series("revenue_ytd"), UsageError),
    ):
        with pytest.raises(error):
            call()


def test_nothing_published_yet(tmp_path: Path) -> None:
    file = tmp_path / "empty.duckdb"
    with (
        DuckDBWarehouse.open(file, physical_layers(CATALOGUE)) as warehouse,
        pytest.raises(WarehouseError, match="Nothing is published"),
    ):
        Reader(warehouse, CATALOGUE, file).scorecard()
