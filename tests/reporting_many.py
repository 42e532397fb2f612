"""A report of a domain with hundreds of locations, for the tests of what readers see."""

from __future__ import annotations

import pandas as pd

from kpi_lib.catalogue.models import Catalogue, Entity
from kpi_lib.reporting.data import ReportData, load_report
from tests.reporting_sample import FakeReader, facts, winery


class Many(FakeReader):
    """A warehouse with many locations, each with a share of the whole."""

    asked = 0

    def rollups_of(self, kpi: str, as_of: object = None) -> pd.DataFrame:
        Many.asked += 1
        found = self.rollups(as_of)
        found = found[found["kpi_id"] == self.catalogue.kpi(kpi).id]
        frames = []
        for entity in self.catalogue.entities[:-1]:
            share = 1.0 if entity.id == 0 else entity.id / 1000
            own = found.assign(entity_id=entity.id)
            own[["value", "prior", "delta"]] = own[["value", "prior", "delta"]] * share
            frames.append(own)
        return pd.concat(frames, ignore_index=True)


def many(count: int) -> ReportData:
    """A report of a domain with so many locations; the last one has no figures."""
    whole = winery().entities[0]
    names = [
        "<script>x</script>",
        "=cmd()",
        "W" * 200,
        "إيرادات",
        *(f"Place {n}" for n in range(5, count + 1)),
    ]
    places = tuple(
        Entity(id=number, code=f"P{number}", name=name, type="location", parent="ALL")
        for number, name in enumerate(names[:count], start=1)
    )
    catalogue: Catalogue = winery().model_copy(update={"entities": (whole, *places)})
    return load_report(Many(facts(), catalogue))
