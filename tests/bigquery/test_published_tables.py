"""How published tables change their shape, what stands in their place, and how many partitions they have."""

from __future__ import annotations

import pandas as pd
import pytest

from kpi_lib.catalogue import BigQueryProfile, load_catalogue
from kpi_lib.errors import DefinitionError, KpiError, RunError
from kpi_lib.warehouse.bigquery.occupied import refuse_occupied
from kpi_lib.warehouse.bigquery.open import open_staging
from kpi_lib.warehouse.bigquery.staging import owner_name
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse
from tests.bigquery.conftest import new_project
from tests.bigquery.emulator import Running
from tests.bigquery.test_faults import frame, make_profile, put, session_of

TABLE = "mart.agg_daily_revenue"
CATALOGUE = load_catalogue("winery")
RUNS = tuple(f"202611{day}T080000Z" for day in (21, 22, 23))


@pytest.fixture
def profile(emulator: Running) -> BigQueryProfile:
    return make_profile(new_project())


def opened(profile: BigQueryProfile, run: str) -> BigQueryWarehouse:
    return open_staging(session_of(profile, run), CATALOGUE, owner_name(run, "here"))


def staged(profile: BigQueryProfile, run: str, values: list[object]) -> BigQueryWarehouse:
    """Return a run that has written one table, whose column ``value`` is of the values' type."""
    warehouse = opened(profile, run)
    dates = pd.date_range("2026-01-01", periods=len(values))
    warehouse.replace(TABLE, pd.DataFrame({"date_key": dates, "value": values}))
    return warehouse


def seen(warehouse: BigQueryWarehouse) -> tuple[str, list[object]]:
    """Return the published type of the column and its values."""
    place = warehouse.places.published(TABLE)
    session = warehouse.session
    table = session.table(place, TABLE)
    assert table is not None
    kind = {item.name: item.field_type for item in table.schema}["value"]
    rows = session.rows(session.query(f"SELECT value FROM {place.quoted} ORDER BY date_key", "seen"), "seen")
    return kind, rows["value"].to_pylist()


def test_a_column_gets_another_type_with_its_new_rows(profile: BigQueryProfile) -> None:
    put(staged(profile, RUNS[0], ["1", "none"]), RUNS[0], "")
    later = staged(profile, RUNS[1], [3, 4])
    put(later, RUNS[1], RUNS[0])
    assert seen(later) == ("INTEGER", [3, 4])
    table = later.session.table(later.places.published(TABLE), TABLE)
    assert table is not None and table.time_partitioning.field == "date_key"


def test_a_run_that_was_overtaken_leaves_the_type(profile: BigQueryProfile) -> None:
    put(staged(profile, RUNS[0], ["1", "none"]), RUNS[0], "")
    late = staged(profile, RUNS[1], [3, 4])
    put(staged(profile, RUNS[2], ["5", "6"]), RUNS[2], RUNS[0])
    with pytest.raises(RunError, match="Another run has published"):
        put(late, RUNS[1], RUNS[0])
    assert seen(late) == ("STRING", ["5", "6"])


def test_a_transaction_that_fails_leaves_the_rows_in_the_new_type(profile: BigQueryProfile) -> None:
    put(staged(profile, RUNS[0], ["1", "none"]), RUNS[0], "")
    broken = staged(profile, RUNS[1], [3, 4])
    assert broken.staging is not None
    broken.session.client.delete_table(broken.staging.tables[TABLE].rows.path)
    with pytest.raises(KpiError):
        put(broken, RUNS[1], RUNS[0])
    assert seen(broken) == ("INTEGER", [1, None])
    put(staged(profile, RUNS[2], [7, 8]), RUNS[2], RUNS[0])
    assert seen(broken) == ("INTEGER", [7, 8])


def test_a_view_where_a_run_writes_is_told_before_the_work(profile: BigQueryProfile) -> None:
    warehouse = opened(profile, RUNS[0])
    refuse_occupied(warehouse, CATALOGUE)
    place = warehouse.places.published("kpi.fact_kpi_daily")
    warehouse.session.query(f"CREATE VIEW {place.quoted} AS SELECT 1 AS n", "view")
    with pytest.raises(DefinitionError, match=rf"{place.path} is of kind VIEW.*Drop it") as found:
        refuse_occupied(warehouse, CATALOGUE)
    assert found.value.exit_code == 2


def test_facts_of_twelve_years_stay_below_the_limit_of_partitions(profile: BigQueryProfile) -> None:
    days = 12 * 366
    assert days > 4000
    for run, before, value in ((RUNS[0], "", 1.0), (RUNS[1], RUNS[0], 2.0)):
        warehouse = opened(profile, run)
        warehouse.replace("kpi.fact_kpi_daily", frame(value, days=days))
        put(warehouse, run, before)
    session, place = warehouse.session, warehouse.places.published("kpi.fact_kpi_daily")
    table = session.table(place, "facts")
    assert table is not None
    assert (table.time_partitioning.field, table.time_partitioning.type_) == ("date_key", "MONTH")
    asked = (
        "SELECT COUNT(*) AS days, COUNT(DISTINCT DATE_TRUNC(date_key, MONTH)) AS months, MIN(value) AS least "
        f"FROM {place.quoted}"
    )
    found = session.rows(session.query(asked, "count"), "count").to_pylist()
    assert found == [{"days": days, "months": 145, "least": 2.0}]
