"""What leaves for other programs."""

from __future__ import annotations

import pandas as pd
import pytest

from kpi_lib.reporting.exports import safe_csv


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\tx"])
def test_no_text_becomes_a_formula(text: str) -> None:
    assert f"'{text}" in safe_csv(pd.DataFrame({"name": [text]}))


def test_numbers_dates_and_plain_texts_stay() -> None:
    frame = pd.DataFrame(
        {"name": ["Visitors", None], "value": [-1.5, 2.0], "day": pd.to_datetime(["2026-11-20"] * 2)}
    )
    assert safe_csv(frame) == "name,value,day\nVisitors,-1.5,2026-11-20\n,2.0,2026-11-20\n"
