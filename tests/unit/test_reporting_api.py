"""The JSON API: the numbers of the payload, valid against its own schemas."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.errors import ReportError
from kpi_lib.reporting.api import write_api
from tests.reporting_notebooks import context
from tests.reporting_sample import on, sample

WINDOW = {"v": 12345.67, "p": 11000.0, "d": 1345.67, "dp": 0.122334}
NONE = {"v": None, "p": None, "d": None, "dp": None, "r": "not_loaded", "n": 20}


def payload(**changes: Any) -> str:
    windows = {"mtd": WINDOW, "qtd": NONE, "ytd": WINDOW, "last28": WINDOW, "fytd": WINDOW}
    return json.dumps({"as_of": "2026-11-20", **windows, **changes})


def frame(catalogue: Catalogue, text: str | None = None) -> pd.DataFrame:
    rows = [
        {"as_of_date": day, "kpi_id": kpi.id, "entity_id": 0, "payload": text or payload()}
        for day in ("2026-11-19", "2026-11-20")
        for kpi in catalogue.kpis
    ]
    return pd.DataFrame(rows).astype({"as_of_date": "datetime64[us]"})


@pytest.fixture(scope="module")
def winery() -> Catalogue:
    return load_catalogue("winery")


def test_every_file_is_valid_against_its_schema(tmp_path: Path, winery: Catalogue) -> None:
    write_api(tmp_path, [(winery, frame(winery))], context())
    for name in ("index", "kpis", "dashboard"):
        schema = json.loads((tmp_path / f"api/v1/schema/{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        document = json.loads((tmp_path / f"api/v1/{name}.json").read_text())
        jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        ).validate(document)
        assert document["schema_version"] == 1 and document["run_id"] == context().run_id


def test_the_dashboard_is_the_payload_of_the_newest_day(tmp_path: Path, winery: Catalogue) -> None:
    write_api(tmp_path, [(winery, frame(winery))], context())
    rows = json.loads((tmp_path / "api/v1/dashboard.json").read_text())["rows"]
    assert len(rows) == 27 and {row["as_of"] for row in rows} == {"2026-11-20"}
    first = rows[0]
    assert (first["domain"], first["entity"], first["mtd"], first["qtd"]) == ("winery", "ALL", WINDOW, NONE)
    index = json.loads((tmp_path / "api/v1/index.json").read_text())
    assert index["domains"][0]["as_of"] == "2026-11-20" and index["watermark"] == "2026-11-20"
    assert {"entity": "ALL"}.items() <= index["domains"][0]["entities"][0].items()


def test_names_stay_readable_and_definitions_are_complete(tmp_path: Path, winery: Catalogue) -> None:
    write_api(tmp_path, [(winery, frame(winery))], context(watermark=None))
    kpis = json.loads((tmp_path / "api/v1/kpis.json").read_text())["kpis"]
    assert [kpi["kpi"] for kpi in kpis] == [kpi.code for kpi in winery.kpis]
    assert all(kpi["definition"] for kpi in kpis)


@pytest.mark.parametrize(
    "text", ['{"as_of": "x", "mtd": NaN}', "not json", '{"mtd": {"v": 1e999}}', '{"v": -Infinity}']
)
def test_no_number_that_is_none_is_written(tmp_path: Path, winery: Catalogue, text: str) -> None:
    with pytest.raises(ReportError):
        write_api(tmp_path, [(winery, frame(winery, text))], context())
    assert not (tmp_path / "api/v1/dashboard.json").exists()


def test_a_domain_without_rows_is_an_empty_list(tmp_path: Path, winery: Catalogue) -> None:
    write_api(tmp_path, [(winery, frame(winery).iloc[:0])], context())
    assert json.loads((tmp_path / "api/v1/dashboard.json").read_text())["rows"] == []


def test_a_kpi_s_file_has_an_entry_of_each_domain_that_has_the_code(
    tmp_path: Path, winery: Catalogue
) -> None:
    other = winery.model_copy(update={"domain": "cellar", "kpis": winery.kpis[:2]})
    rows = frame(winery)
    rows = rows[rows["kpi_id"].isin([1, 2])]
    stale = tmp_path / "api/v1/kpis/gone.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    write_api(tmp_path, [(winery, frame(winery)), (other, rows)], context(), reports=[sample()])
    assert not stale.exists()
    document = json.loads((tmp_path / "api/v1/kpis/tasting_room_wine_revenue.json").read_text())
    assert [entry["domain"] for entry in document["domains"]] == ["winery", "cellar"]
    first, second = document["domains"]
    assert first["rows"] == second["rows"] and first["rows"][0]["mtd"] == WINDOW
    assert (first["daily"]["first"], first["daily"]["last"]) == ("2023-01-01", "2026-11-20")
    assert len(first["daily"]["values"]) == 1420 and second["daily"] is None
    schema = json.loads((tmp_path / "api/v1/schema/kpi.schema.json").read_text())
    for file in (tmp_path / "api/v1/kpis").glob("*.json"):
        jsonschema.Draft202012Validator(schema).validate(json.loads(file.read_text()))


def test_a_gap_is_null_in_the_daily_values(tmp_path: Path, winery: Catalogue) -> None:
    def lose(days: pd.DataFrame) -> pd.DataFrame:
        days.loc[on(days, "phone_revenue", dt.date(2026, 11, 19)), "value"] = None
        return days[~on(days, "phone_revenue", dt.date(2026, 11, 18))]

    write_api(tmp_path, [(winery, frame(winery))], context(), reports=[sample(change=lose)])
    text = (tmp_path / "api/v1/kpis/phone_revenue.json").read_text()
    values = json.loads(text)["domains"][0]["daily"]["values"]
    assert values[-3:-1] == [None, None] and values[-1] is not None and "NaN" not in text
