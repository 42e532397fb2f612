"""The gate: suites on profile frames, reconciliations on tables, one verdict."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.scorecard import scorecard_of
from kpi_lib.errors import DefinitionError, KpiError, WarehouseError
from kpi_lib.quality.derived import derive
from kpi_lib.quality.expectations import ROWS_KEPT, Inspector, cell
from kpi_lib.quality.masking import scrubbed
from kpi_lib.quality.reconciliations import Reconciliation, read_reconciliations
from kpi_lib.quality.results import CheckResult, GateResult
from kpi_lib.quality.suites import Rule, Suite, read_suites

Query: TypeAlias = Callable[[str, Mapping[str, Any]], pd.DataFrame]
MOST_DIFFERENCES = 1000
# No more than is worth showing leaves the warehouse, however much is wrong.
_BOUNDED = "SELECT * FROM (\n{sql}\n) AS differences LIMIT {limit}"
_PARAMETER = re.compile(r"@([a-z_]+)")


def validate(
    query: Query,
    catalogue: Catalogue,
    suites: Path,
    *,
    as_of: dt.date,
    first_day: dt.date,
    last_day: dt.date,
) -> GateResult:
    """Check a domain's tables.

    Parameters
    ----------
    query
        Runs GoogleSQL over logical tables with named parameters and returns a frame.
    catalogue
        The domain's definitions; its identities become reconciliations by themselves.
    suites
        The domain's expectations folder: ``<table>.json``, ``profiles/``, ``reconciliations/``.
    as_of
        The as-of date whose dashboard row set is checked.
    first_day, last_day
        The days that the mart holds.

    Returns
    -------
    GateResult
        One result a rule. SQL that cannot run is a failed critical rule, not an exception.

    Raises
    ------
    DefinitionError
        When a suite or a reconciliation is malformed, naming file and key.
    """
    parameters = {
        "time_zone": catalogue.calendar.time_zone,
        "as_of": as_of,
        "first_day": first_day,
        "last_day": last_day,
    }
    run = _Runner(query, parameters, _personal(catalogue), _known(catalogue))
    results: list[CheckResult] = []
    read = read_suites(suites)
    if not read:
        results.append(_nothing_defined(suites))
    inspector = Inspector(suite_parameters(catalogue), run.personal, run.known)
    for suite in read:
        results.extend(run.suite(suite, inspector))
    stated = read_reconciliations(suites / "reconciliations")
    results.extend(run.reconcile(item) for item in (*stated, *derive(catalogue, as_of)))
    return GateResult(catalogue.domain, as_of, tuple(results))


def check_suites(catalogue: Catalogue, suites: Path) -> int:
    """Check the form of every suite and reconciliation of a domain without touching data.

    Returns
    -------
    int
        How many rules were read.

    Raises
    ------
    DefinitionError
        For the first mistake, naming file and key; unknown expectation types included.
    """
    inspector = Inspector(suite_parameters(catalogue))
    rules = 0
    for suite in read_suites(suites):
        for rule in suite.rules:
            inspector.build(suite, rule)
            rules += 1
    return rules + len(read_reconciliations(suites / "reconciliations"))


def suite_parameters(catalogue: Catalogue) -> dict[str, Any]:
    """Return what a suite may refer to with ``{"$PARAMETER": name}``.

    ``currency``, ``kpi_count``, ``entity_count``, ``series_count`` (their product), ``kpi_ids``,
    ``entity_ids``, ``metric_keys``, ``metric_count``, ``required_sources``, for each source
    ``least_<source>`` (1, or 0 when the source may be absent), and for each source column with
    accepted values ``values_<source>_<column>``.
    """
    accepted = {
        f"values_{source.name}_{column.name}": list(column.values)
        for source in catalogue.sources
        for column in source.columns
        if column.values
    }
    card = scorecard_of(catalogue)
    keys = [metric.key for metric in card.metrics] if card else []
    return {
        "metric_keys": keys,
        "metric_count": len(keys),
        "currency": [catalogue.currency],
        "kpi_count": len(catalogue.kpis),
        "kpi_ids": [kpi.id for kpi in catalogue.kpis],
        "entity_ids": [entity.id for entity in catalogue.entities],
        "entity_count": len(catalogue.entities),
        "series_count": len(catalogue.kpis) * len(catalogue.entities),
        "required_sources": [source.name for source in catalogue.sources if source.required],
        **{f"least_{source.name}": int(source.required) for source in catalogue.sources},
        **accepted,
    }


def bounded(item: Reconciliation) -> str:
    """Return a reconciliation's SQL such that it yields no more rows than are worth counting."""
    return _BOUNDED.format(sql=item.sql, limit=MOST_DIFFERENCES + 1)


class _Runner:
    """Runs profiles and reconciliations for one verdict."""

    def __init__(
        self, query: Query, parameters: Mapping[str, Any], personal: frozenset[str], known: frozenset[str]
    ) -> None:
        self._query = query
        self._parameters = dict(parameters)
        self.personal = personal
        self.known = known

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the result of SQL, handing over only the parameters it names."""
        named = set(_PARAMETER.findall(sql))
        used = {name: value for name, value in self._parameters.items() if name in named}
        return self._query(sql, used)

    def suite(self, suite: Suite, inspector: Inspector) -> list[CheckResult]:
        """Validate a suite, one profile after the other."""
        built = [(rule, inspector.build(suite, rule)) for rule in suite.rules]
        results: list[CheckResult] = []
        for profile in dict.fromkeys(rule.profile for rule in suite.rules):
            chosen = [(rule, item) for rule, item in built if rule.profile == profile]
            try:
                frame = self.frame(_select(profile))
            except KpiError as error:
                self._raise_if_away(error)
                results.append(_profile_failed(suite, (rule for rule, _ in chosen), profile, error))
                continue
            results.extend(inspector.inspect(suite, chosen, frame))
        return results

    def reconcile(self, item: Reconciliation) -> CheckResult:
        """Run one reconciliation; every row it returns is a difference."""
        try:
            frame = self.frame(bounded(item))
        except KpiError as error:
            self._raise_if_away(error)
            return _sql_failed(item.table or "reconciliation", item.name, item.origin, error)
        return CheckResult(
            table=item.table or "reconciliation",
            name=item.name,
            column="",
            severity=item.severity,
            success=frame.empty,
            expected=item.says,
            observed=_differences(len(frame)),
            failing=self._rows(frame),
            kind="reconciliation",
            remedy=item.remedy,
        )

    def _raise_if_away(self, error: KpiError) -> None:
        """Let an error pass that is not the SQL's own: a warehouse that cannot be asked anything."""
        if isinstance(error, WarehouseError):
            try:
                self._query("SELECT 1 AS alive", {})
            except KpiError:
                raise error from None

    def _rows(self, frame: pd.DataFrame) -> tuple[dict[str, Any], ...]:
        shown = frame[[name for name in frame.columns if name not in self.personal]]
        # A subquery's order is not promised, so the first columns decide.
        ordered = shown.sort_values(list(shown.columns[:3]), kind="stable", ignore_index=True)
        return tuple(
            {str(name): cell(value, self.known) for name, value in row.items()}
            for row in ordered.head(ROWS_KEPT).to_dict("records")
        )


def _select(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip().rstrip(";")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"The file cannot be read: {error}.", where=str(path)) from error


def _personal(catalogue: Catalogue) -> frozenset[str]:
    columns: Iterable[str] = (
        column.name for source in catalogue.sources for column in source.columns if column.personal
    )
    return frozenset(columns)


def _known(catalogue: Catalogue) -> frozenset[str]:
    """Return the texts that the definitions name: they concern nobody."""
    accepted = (value for source in catalogue.sources for column in source.columns for value in column.values)
    sources = (source.name for source in catalogue.sources)
    kpis = (text for kpi in catalogue.kpis for text in (kpi.code, kpi.name))
    entities = (text for item in catalogue.entities for text in (item.code, item.name, item.rule or ""))
    return frozenset((*accepted, *sources, *kpis, *entities))


def _differences(count: int) -> str:
    if count == 0:
        return "no difference"
    if count > MOST_DIFFERENCES:
        return f"rows that differ: more than {MOST_DIFFERENCES:,}"
    return f"rows that differ: {count:,}"


def _nothing_defined(folder: Path) -> CheckResult:
    return CheckResult(
        table="expectations",
        name="suites_exist",
        column="",
        severity="warning",
        success=False,
        expected="The domain has expectations of its own.",
        observed=f"there is no suite in {folder.parent.name}/{folder.name}",
        remedy="Add a <table>.json and its profile; only what follows from the catalogue was checked.",
    )


def _profile_failed(suite: Suite, rules: Iterable[Rule], profile: Path, error: KpiError) -> CheckResult:
    skipped = ", ".join(rule.name for rule in rules)
    failed = _sql_failed(suite.table, f"profile_{profile.stem}", str(profile), error)
    return replace(failed, kind="expectation", observed=f"{failed.observed} Not checked: {skipped}.")


def _sql_failed(table: str, name: str, origin: str, error: KpiError) -> CheckResult:
    return CheckResult(
        table=table,
        name=name,
        column="",
        severity="critical",
        success=False,
        expected=f"The SQL of {origin} runs.",
        observed=f"it failed: {scrubbed(error.what).rstrip('.')}.",
        kind="reconciliation",
        remedy=error.remedy or f"Mend {origin}.",
    )
