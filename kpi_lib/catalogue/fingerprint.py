"""Fingerprints of definitions: short hashes that change when what a number means may have changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from kpi_lib.catalogue.models import Catalogue, Kpi

#: What decides a KPI's numbers. Names, prose, owners and decimals do not.
_MEANING = ("kind", "column", "numerator", "denominator", "scale", "unit", "since")


def meaning(kpi: Kpi) -> str:
    """Return a fingerprint of what a KPI is computed from and how; it does not depend on its version."""
    fields: dict[str, Any] = {name: getattr(kpi, name) for name in _MEANING}
    # Amounts of money are added up in whole cents.
    return _short({**fields, "money": kpi.format == "currency"})


def definitions(catalogue: Catalogue, code: str) -> dict[int, str]:
    """Return, by KPI id, a fingerprint of everything but the data that makes its numbers.

    Parameters
    ----------
    catalogue
        The KPI's own meaning and version, the calendar, the entities and the SQL of the models count.
    code
        A fingerprint of the code that computes.
    """
    shared = {
        "calendar": asdict(catalogue.calendar),
        "entities": [entity.model_dump(exclude={"name"}) for entity in catalogue.entities],
        "models": [
            (model.table, (catalogue.folder / "sql" / model.sql).read_text(encoding="utf-8"))
            for model in catalogue.models
        ],
        "code": code,
    }
    common = _short(shared)
    return {kpi.id: _short([meaning(kpi), kpi.version, common]) for kpi in catalogue.kpis}


def _short(data: object) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
