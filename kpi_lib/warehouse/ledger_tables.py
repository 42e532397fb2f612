"""The tables of the ledger and of the windows, as GoogleSQL types."""

from __future__ import annotations

from collections.abc import Mapping

#: Every value that was ever published: append-only, one row where it was new or differed.
SNAPSHOT = "kpi.kpi_snapshot"
#: Every publication that added to the ledger or changed a definition: append-only.
PUBLICATION = "kpi.publication"
#: Which days each window covers and is compared with: :func:`kpi_lib.periods.spans` as a table.
WINDOW_SPAN = "kpi.window_span"
#: Made anew for each publication: the definitions in force, and the facts that changed.
LEDGER_KPI = "ops.ledger_kpi"
FACT_CHANGE = "ops.fact_change"

SPAN_DATES = ("start_date", "end_date", "prior_start", "prior_end")
NUMBERS = ("value", "prior", "delta", "delta_pct")
COUNTS = ("missing_days", "prior_missing_days")
REASONS = ("reason", "prior_reason", "delta_reason")
#: What identifies a published value.
KEYS: Mapping[str, str] = {
    "as_of_date": "DATE",
    "kpi_id": "INT64",
    "entity_id": "INT64",
    "window_name": "STRING",
    "comparison": "STRING",
}
#: What is published of it.
MEASURES: Mapping[str, str] = {
    **dict.fromkeys(SPAN_DATES, "DATE"),
    **dict.fromkeys(NUMBERS, "FLOAT64"),
    **dict.fromkeys(COUNTS, "INT64"),
    **dict.fromkeys(REASONS, "STRING"),
}

LEDGER_TABLES: Mapping[str, Mapping[str, str]] = {
    SNAPSHOT: {
        "publication_no": "INT64",
        "run_id": "STRING",
        "published_at": "TIMESTAMP",
        **KEYS,
        **MEASURES,
        "kpi_version": "INT64",
        "definition": "STRING",
        "state": "STRING",
        "cause": "STRING",
    },
    PUBLICATION: {
        "publication_no": "INT64",
        "run_id": "STRING",
        "published_at": "TIMESTAMP",
        "as_of_date": "DATE",
        "code": "STRING",
        "definitions": "STRING",
    },
    WINDOW_SPAN: {
        "as_of_date": "DATE",
        "window_name": "STRING",
        "comparison": "STRING",
        **dict.fromkeys(SPAN_DATES, "DATE"),
        "state": "STRING",
        "prior_state": "STRING",
    },
    LEDGER_KPI: {
        "kpi_id": "INT64",
        "kpi_version": "INT64",
        "definition": "STRING",
        "is_redefined": "BOOL",
    },
    FACT_CHANGE: {"date_key": "DATE", "kpi_id": "INT64", "entity_id": "INT64", "is_late": "BOOL"},
}
