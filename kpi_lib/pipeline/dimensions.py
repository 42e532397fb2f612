"""The dimension tables of a domain, from its definitions."""

from __future__ import annotations

import json

import pandas as pd

from kpi_lib.catalogue import Catalogue
from kpi_lib.catalogue.fingerprint import meaning
from kpi_lib.compute.distinct import ancestors


def dim_kpi(catalogue: Catalogue) -> pd.DataFrame:
    """Return the KPI dimension, one row a KPI."""
    return pd.DataFrame(
        [
            {
                "kpi_id": kpi.id,
                "kpi_code": kpi.code,
                "kpi_name": kpi.name,
                "kpi_group": kpi.group,
                "kind": kpi.kind,
                "format": kpi.format,
                "unit": kpi.unit,
                "decimals": kpi.decimals,
                "direction": kpi.direction,
                "definition": kpi.definition,
                "terms": json.dumps(kpi.terms),
                "version": kpi.version,
                "scale": kpi.scale,
                "since": kpi.since,
                "fingerprint": meaning(kpi),
            }
            for kpi in catalogue.kpis
        ]
    ).astype({"since": "datetime64[s]"})


def entity_above(catalogue: Catalogue) -> pd.DataFrame:
    """Return which entities each one belongs to, itself first: ``entity_id, above_id``."""
    pairs = [(entity, above) for entity, more in ancestors(catalogue).items() for above in (entity, *more)]
    return pd.DataFrame(pairs, columns=["entity_id", "above_id"])


def dim_entity(catalogue: Catalogue) -> pd.DataFrame:
    """Return the entity dimension, one row an entity."""
    ids = {entity.code: entity.id for entity in catalogue.entities}
    frame = pd.DataFrame(
        [
            {
                "entity_id": entity.id,
                "entity_code": entity.code,
                "entity_name": entity.name,
                "entity_type": entity.type,
                "parent_id": ids.get(entity.parent or ""),
                "opened": entity.opened,
                "closed": entity.closed,
                "rule": entity.rule,
            }
            for entity in catalogue.entities
        ]
    )
    return frame.astype({"parent_id": "Int64", "opened": "datetime64[s]", "closed": "datetime64[s]"})
