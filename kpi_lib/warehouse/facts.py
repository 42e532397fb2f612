"""The facts made where the wide mart lies: whether they can be made, and the SELECT that makes them.

The SQL gives what :func:`kpi_lib.compute.unpivot` gives of the mart, and
:func:`kpi_lib.compute.distinct.daily_counts` of ``kpi.fact_kpi_event``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kpi_lib.catalogue.models import Catalogue, Kpi
from kpi_lib.errors import FrameError, did_you_mean
from kpi_lib.frames import FACT_KEYS, examples
from kpi_lib.warehouse.protocol import Warehouse
from kpi_lib.warehouse.tables import EVENTS, FACTS

#: The types of a measure in the mart.
_NUMBERS = ("INT64", "FLOAT64", "NUMERIC")
# A hundred and ten years, as the engine has it: more is a mistyped date.
_MOST_DAYS = 40_000
_LARGEST = "1.7976931348623157e308"
_ACTIVE = """
  d.date_key >= COALESCE(k.since, DATE '0001-01-01')
  AND d.date_key >= COALESCE(e.opened, DATE '0001-01-01')
  AND d.date_key <= COALESCE(e.closed, DATE '9999-12-31')"""
_UNKNOWN = "entity_id NOT IN (SELECT entity_id FROM kpi.dim_entity)"
_KINDS = {
    "no_date": "{n} rows have no date_key.",
    "no_entity": "{n} rows have no entity_id.",
    "unknown": "{n} rows are of an entity_id that is not in the catalogue.",
    "repeated": "{n} rows share a date and an entity.",
    "infinite": "{n} rows hold infinity.",
    "far": "the dates span {n} days.",
}


def there(fact: str, kpi: str) -> str:
    """Return the condition under which the measures of a fact are there, by the aliases of fact and KPI."""
    sides = f"{fact}.numerator IS NOT NULL AND {fact}.denominator IS NOT NULL"
    return f"IF({kpi}.kind = 'ratio', {sides}, {fact}.value IS NOT NULL)"


_KEYS = ", ".join(FACT_KEYS)
#: Facts from ``@from_day`` to ``@to_day``. Of each series also the first day on which it is there (history
#: depends on it) and the one furthest from whole cents (how money is added up depends on it).
NEEDED_FACTS = f"""
SELECT {_KEYS}, value, numerator, denominator
FROM (
  SELECT f.*,
    ROW_NUMBER() OVER (
      PARTITION BY f.kpi_id, f.entity_id
      ORDER BY
        IF(f.date_key BETWEEN @first_day AND @last_day AND {there("f", "k")}, 0, 1),
        f.date_key
    ) AS place,
    ROW_NUMBER() OVER (
      PARTITION BY f.kpi_id, f.entity_id
      ORDER BY
        IF(
          k.format = 'currency' AND f.date_key BETWEEN @first_day AND @last_day,
          COALESCE(ABS(f.cents - ROUND(f.cents)), -1.0),
          -1.0
        ) DESC,
        f.date_key
    ) AS off_cents_place
  FROM (SELECT *, COALESCE(numerator, value) * 100.0 AS cents FROM {FACTS}) AS f
  JOIN kpi.dim_kpi AS k ON k.kpi_id = f.kpi_id
) AS numbered
WHERE date_key BETWEEN @from_day AND @to_day OR place = 1 OR off_cents_place = 1
"""  # noqa: S608
#: The events from ``@from_day`` to ``@to_day``.
NEEDED_EVENTS = f"""
SELECT {_KEYS}, member_id FROM {EVENTS} WHERE date_key BETWEEN @from_day AND @to_day
"""  # noqa: S608


def counted_kpis(catalogue: Catalogue, columns: Mapping[str, str]) -> list[Kpi]:
    """Return the distinct counts of which a mart with these columns has none: events are counted by day."""
    return [kpi for kpi in _distinct(catalogue) if (kpi.column or kpi.code) not in columns]


def facts_sql(catalogue: Catalogue, columns: Mapping[str, str], events: str = EVENTS) -> str:
    """Return the SELECT of ``kpi.fact_kpi_daily`` from a mart with these columns.

    It reads the dimensions, and where days are counted from events those and ``kpi.entity_above``, with
    ``@first_day`` and ``@last_day``. ``events`` is the table of them.

    Raises
    ------
    FrameError
        When the mart lacks a column that a KPI names, or holds no numbers there.
    """
    mart = catalogue.mart
    counted = counted_kpis(catalogue, columns)
    kpis = sorted((kpi for kpi in catalogue.kpis if kpi not in counted), key=lambda kpi: kpi.id)
    value = _case(kpis, lambda kpi: "" if kpi.kind == "ratio" else kpi.column or kpi.code)
    above = _case(kpis, lambda kpi: (kpi.numerator or "") if kpi.kind == "ratio" else "")
    below = _case(kpis, lambda kpi: (kpi.denominator or "") if kpi.kind == "ratio" else "")
    for kpi in kpis:
        for name in measures(kpi):
            _check_column(columns, kpi, name, mart)
    measured = f"""
SELECT date_key, kpi_id, entity_id,
  IF(kind = 'ratio', numerator / NULLIF(denominator, 0.0) * scale, value) AS value,
  numerator,
  denominator
FROM (
  SELECT date_key, kpi_id, entity_id, kind, scale,
    IF(IS_NAN(value), NULL, value) AS value,
    IF(IS_NAN(numerator), NULL, numerator) AS numerator,
    IF(IS_NAN(denominator), NULL, denominator) AS denominator
  FROM (
    SELECT d.date_key, k.kpi_id, e.entity_id, k.kind, k.scale,
      {value} AS value,
      {above} AS numerator,
      {below} AS denominator
    FROM (
      SELECT date_key
      FROM UNNEST(GENERATE_DATE_ARRAY(
        (SELECT MIN(date_key) FROM {mart}), (SELECT MAX(date_key) FROM {mart})
      )) AS date_key
    ) AS d
    CROSS JOIN kpi.dim_kpi AS k
    CROSS JOIN (
      SELECT entity_id, opened, closed FROM kpi.dim_entity WHERE entity_id IN (SELECT entity_id FROM {mart})
    ) AS e
    LEFT JOIN {mart} AS w ON w.date_key = d.date_key AND w.entity_id = e.entity_id
    WHERE k.kpi_id IN ({_listed(kpis)}) AND {_ACTIVE}
  ) AS raw
) AS clean"""  # noqa: S608
    if not counted:
        return measured.strip()
    return f"{measured.strip()}\nUNION ALL\n{_counts(counted, mart, events).strip()}"


def check_mart(warehouse: Warehouse, catalogue: Catalogue) -> dict[str, str]:
    """Return the columns of the wide mart after a look at what it holds, by one query.

    Raises
    ------
    FrameError
        When it breaks its contract: a missing or repeated key, an entity nobody knows, infinity, a date
        that is far from the others.
    """
    mart = catalogue.mart
    columns = warehouse.columns(mart)
    for name, kind in (("date_key", "DATE"), ("entity_id", "INT64")):
        if columns.get(name) != kind:
            words = f"holds {columns[name]}, not {kind}" if name in columns else "is missing"
            raise FrameError(f"column '{name}' {words}.", where=mart)
    floats = sorted(
        {name for kpi in catalogue.kpis for name in measures(kpi) if columns.get(name) == "FLOAT64"}
    )
    # NaN is a missing measure, as everywhere; infinity is a mistake.
    infinite = " OR ".join(f"(NOT IS_NAN(`{name}`) AND ABS(`{name}`) > {_LARGEST})" for name in floats)
    rows = "SELECT '{kind}' AS kind, date_key, entity_id, 1 AS rows_each FROM {mart} WHERE {which}"
    parts = [
        rows.format(kind="no_date", mart=mart, which="date_key IS NULL"),
        rows.format(kind="no_entity", mart=mart, which="entity_id IS NULL"),
        rows.format(kind="unknown", mart=mart, which=_UNKNOWN),
        f"SELECT 'repeated' AS kind, date_key, entity_id, COUNT(*) AS rows_each FROM {mart} "  # noqa: S608
        "GROUP BY date_key, entity_id HAVING COUNT(*) > 1",
        f"SELECT 'far' AS kind, MIN(w.date_key) AS date_key, CAST(NULL AS INT64) AS entity_id, "  # noqa: S608
        f"DATE_DIFF(MAX(w.date_key), MIN(w.date_key), DAY) + 1 AS rows_each FROM {mart} AS w "
        f"HAVING DATE_DIFF(MAX(w.date_key), MIN(w.date_key), DAY) >= {_MOST_DAYS}",
    ]
    if infinite:
        parts.append(rows.format(kind="infinite", mart=mart, which=infinite))
    # A wholly wrong mart may have millions of such rows; three of each kind are shown.
    found = warehouse.query(f"""
SELECT kind, date_key, entity_id, n
FROM (
  SELECT *,
    SUM(rows_each) OVER (PARTITION BY kind) AS n,
    ROW_NUMBER() OVER (PARTITION BY kind ORDER BY date_key, entity_id) AS place
  FROM ({" UNION ALL ".join(parts)}) AS wrong
) AS counted
WHERE place <= 3
ORDER BY kind, place
""")  # noqa: S608
    for kind, words in _KINDS.items():
        wrong = found[found["kind"] == kind]
        if len(wrong):
            raise FrameError(
                words.format(n=int(wrong["n"].iloc[0])),
                where=mart,
                remedy=f"First: {examples(wrong, ['date_key', 'entity_id'])}. Mend the model's SQL.",
            )
    return columns


def measures(kpi: Kpi) -> tuple[str, ...]:
    """Return the columns of the mart that a KPI is read from."""
    if kpi.kind == "ratio":
        return (kpi.numerator or "", kpi.denominator or "")
    return (kpi.column or kpi.code,)


def _distinct(catalogue: Catalogue) -> list[Kpi]:
    return sorted((kpi for kpi in catalogue.kpis if kpi.kind == "distinct"), key=lambda kpi: kpi.id)


def _check_column(columns: Mapping[str, str], kpi: Kpi, name: str, mart: str) -> None:
    if name not in columns:
        raise FrameError(
            f"column '{name}', which KPI '{kpi.code}' is read from, is missing.",
            where=mart,
            remedy=did_you_mean(name, columns),
        )
    if columns[name] not in _NUMBERS:
        raise FrameError(
            f"column '{name}' holds {columns[name]}, not numbers.", where=mart, remedy="Use FLOAT64."
        )


def _case(kpis: Sequence[Kpi], column: Callable[[Kpi], str]) -> str:
    branches = [
        f"WHEN {kpi.id} THEN CAST(w.`{name}` AS FLOAT64)" for kpi in kpis if (name := column(kpi)) != ""
    ]
    return f"CASE k.kpi_id {' '.join(branches)} END" if branches else "CAST(NULL AS FLOAT64)"


def _listed(kpis: Sequence[Kpi]) -> str:
    # No KPI has the number 0; an empty list would be no SQL.
    return ", ".join(str(kpi.id) for kpi in kpis) or "0"


def _counts(kpis: Sequence[Kpi], mart: str, events: str) -> str:
    """Return the days of distinct counts: every entity of the mart or the events, 0 where nobody was seen."""
    return f"""
SELECT d.date_key, k.kpi_id, e.entity_id,
  CAST(COALESCE(c.members, 0) AS FLOAT64) AS value,
  CAST(NULL AS FLOAT64) AS numerator,
  CAST(NULL AS FLOAT64) AS denominator
FROM (SELECT date_key FROM UNNEST(GENERATE_DATE_ARRAY(@first_day, @last_day)) AS date_key) AS d
CROSS JOIN kpi.dim_kpi AS k
CROSS JOIN (
  SELECT entity_id, opened, closed
  FROM kpi.dim_entity
  WHERE entity_id IN (SELECT entity_id FROM {mart})
    OR entity_id IN (
      SELECT a.above_id FROM {events} AS v JOIN kpi.entity_above AS a ON a.entity_id = v.entity_id
    )
) AS e
LEFT JOIN (
  SELECT v.date_key, v.kpi_id, a.above_id, COUNT(DISTINCT v.member_id) AS members
  FROM {events} AS v
  JOIN kpi.entity_above AS a ON a.entity_id = v.entity_id
  GROUP BY v.date_key, v.kpi_id, a.above_id
) AS c ON c.date_key = d.date_key AND c.kpi_id = k.kpi_id AND c.above_id = e.entity_id
WHERE k.kpi_id IN ({_listed(kpis)}) AND {_ACTIVE}"""  # noqa: S608
