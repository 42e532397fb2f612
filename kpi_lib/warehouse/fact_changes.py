"""Which facts and events are not as they were published, worked out where they lie.

The rules are those of :func:`kpi_lib.compute.changes.fact_changes` and
:func:`kpi_lib.compute.changes.event_changes`.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from kpi_lib.warehouse.facts import there

#: What :func:`changes_sql` calls the events as they are now.
SEEN = "seen"
_FACTS = "date_key, kpi_id, entity_id, value, numerator, denominator"
_EVENTS = "date_key, kpi_id, entity_id, member_id"
_KEYS = "date_key, kpi_id, entity_id"
_BY_SERIES = "PARTITION BY kpi_id, entity_id"


def changes_sql(
    facts: str, events: str | None, grown: Iterable[pd.Timestamp], *, compare_events: bool
) -> str:
    """Return the SELECT of ``ops.fact_change``: what differs from what is published, and whether it is late.

    It is to be asked while ``kpi.fact_kpi_daily`` and ``kpi.fact_kpi_event`` are still what is published.

    Parameters
    ----------
    facts
        The SELECT of the facts as they are now; it reads events from ``seen``.
    events
        The SELECT of the events as they are now; None where a domain has none.
    grown
        Business dates for which some source has more rows than when it was last published.
    compare_events
        Whether events have been published that these can be compared with.
    """
    days = ", ".join(f"DATE '{day:%Y-%m-%d}'" for day in grown)
    is_grown = f"date_key IN ({days})" if days else "FALSE"
    parts = [
        *([f"{SEEN} AS (\n{events}\n)"] if events else []),
        f"made AS (\n{facts}\n)",
        "held AS (SELECT MAX(date_key) AS last_day FROM kpi.fact_kpi_daily)",
        _differing("fact", "made", "kpi.fact_kpi_daily", _FACTS),
        _late_facts(is_grown),
    ]
    if not events or not compare_events:
        return "WITH " + ",\n".join(parts) + f"\nSELECT {_KEYS}, is_late FROM late_facts"
    parts += [
        _differing("event", SEEN, "kpi.fact_kpi_event", _EVENTS),
        _late_events(is_grown),
    ]
    # Of a distinct count, the events say why.
    listed = ",\n".join(parts)
    return f"""WITH {listed}
SELECT {_KEYS}, is_late FROM late_events
UNION ALL
SELECT f.date_key, f.kpi_id, f.entity_id, f.is_late
FROM late_facts AS f
LEFT JOIN late_events AS v ON v.date_key = f.date_key AND v.kpi_id = f.kpi_id AND v.entity_id = f.entity_id
WHERE v.kpi_id IS NULL"""  # noqa: S608


def _differing(name: str, now: str, before: str, columns: str) -> str:
    # Days beyond the published facts are new as-of dates, not changes to old ones.
    return f"""differing_{name} AS (
  SELECT {columns}, TRUE AS is_new
  FROM (
    SELECT {columns} FROM {now} WHERE date_key <= (SELECT last_day FROM held)
    EXCEPT DISTINCT
    SELECT {columns} FROM {before}
  ) AS come
  UNION ALL
  SELECT {columns}, FALSE AS is_new
  FROM (SELECT {columns} FROM {before} EXCEPT DISTINCT SELECT {columns} FROM {now}) AS gone
)"""  # noqa: S608


def _late_events(is_grown: str) -> str:
    return f"""late_events AS (
  SELECT {_KEYS}, LOGICAL_AND(is_new OR {is_grown}) AS is_late
  FROM (
    SELECT c.date_key, c.kpi_id, a.above_id AS entity_id, c.is_new
    FROM differing_event AS c
    JOIN kpi.entity_above AS a ON a.entity_id = c.entity_id
  ) AS spread
  GROUP BY {_KEYS}
)"""  # noqa: S608


def _late_facts(is_grown: str) -> str:
    is_there = there("c", "k")
    return f"""flagged AS (
  SELECT c.date_key, c.kpi_id, c.entity_id, k.kind,
    LOGICAL_OR(c.is_new AND {is_there}) AS is_there,
    LOGICAL_OR(NOT c.is_new AND {is_there}) AS was_there
  FROM differing_fact AS c
  LEFT JOIN kpi.dim_kpi AS k ON k.kpi_id = c.kpi_id
  GROUP BY c.date_key, c.kpi_id, c.entity_id, k.kind
),
judged AS (
  SELECT {_KEYS}, kind, (is_there AND NOT was_there) OR {is_grown} AS is_late,
    DATE_DIFF(date_key, LAG(date_key) OVER ({_BY_SERIES} ORDER BY date_key), DAY) AS gap
  FROM flagged
),
in_runs AS (
  SELECT {_KEYS}, kind, is_late, SUM(IF(gap = 1, 0, 1)) OVER ({_BY_SERIES} ORDER BY date_key) AS run
  FROM judged
),
late_facts AS (
  -- A stock carries a late row on to every later day: a run of changed days is late as its first day is.
  SELECT {_KEYS},
    IF(
      kind = 'last',
      FIRST_VALUE(is_late) OVER (PARTITION BY kpi_id, entity_id, run ORDER BY date_key),
      is_late
    ) AS is_late
  FROM in_runs
)"""  # noqa: S608
