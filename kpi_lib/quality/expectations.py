"""Run the rules of a suite on a small frame with Great Expectations, and say the outcome in words."""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import threading
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kpi_lib.errors import DefinitionError, did_you_mean
from kpi_lib.quality.masking import masked, scrubbed
from kpi_lib.quality.results import Cell, CheckResult
from kpi_lib.quality.suites import Rule, Suite

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.expectations.expectation import Expectation

ROWS_KEPT = 20
# No list of values in a result: a rule that fails is asked again, for named columns only.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


def preload() -> threading.Thread:
    """Start importing Great Expectations, which takes seconds, alongside other work.

    Returns
    -------
    threading.Thread
        Already started; nobody has to wait for it.
    """
    thread = threading.Thread(target=_load, name="import-great-expectations", daemon=True)
    thread.start()
    return thread


def _load() -> Any:
    # A library's log belongs to whoever configures logging; without a handler Python prints it to stderr.
    logging.getLogger("great_expectations").addHandler(logging.NullHandler())
    # By message: changing all filters for a while is not safe beside other threads.
    warnings.filterwarnings("ignore", r"module 'sre_\w+' is deprecated", DeprecationWarning)
    import great_expectations

    return great_expectations


class Inspector:
    """Validates frames in one ephemeral Great Expectations context.

    Parameters
    ----------
    parameters
        Values for ``{"$PARAMETER": name}`` in the suites.
    personal
        Column names that must not leave the warehouse; they are dropped from failing rows.
    known
        Texts that the definitions name; other text is masked when it may concern a person.
    """

    def __init__(
        self, parameters: Mapping[str, Any], personal: Collection[str] = (), known: Collection[str] = ()
    ) -> None:
        self._parameters = dict(parameters)
        self._personal = frozenset(personal)
        self._known = frozenset(known)
        self._gx = _load()
        self._frames: Any = None

    def build(self, suite: Suite, rule: Rule) -> Expectation:
        """Return the expectation object of a rule.

        Raises
        ------
        DefinitionError
            For an unknown type, arguments it does not take, or a parameter nobody provides.
        """
        from great_expectations.exceptions import GreatExpectationsError
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        where = f"{suite.file}, expectation '{rule.name}'"
        for name in _parameter_names(rule.kwargs):
            if name not in self._parameters:
                raise DefinitionError(
                    f"There is no parameter '{name}'.",
                    where=f"{where}.kwargs",
                    remedy=did_you_mean(name, self._parameters),
                )
        configuration = ExpectationConfiguration(
            type=rule.type, kwargs=dict(rule.kwargs), severity=rule.severity, meta={"name": rule.name}
        )
        try:
            expectation: Expectation = configuration.to_domain_obj()
        except GreatExpectationsError as error:
            raise DefinitionError(
                f"'{rule.type}' is no expectation of Great Expectations.",
                where=f"{where}.type",
                remedy="Their names are listed at greatexpectations.io/expectations.",
            ) from error
        except ValueError as error:
            raise DefinitionError(
                f"'{rule.type}' does not take these arguments: {_one_line(error)}.", where=f"{where}.kwargs"
            ) from error
        return expectation

    def inspect(
        self, suite: Suite, rules: Sequence[tuple[Rule, Expectation]], frame: pd.DataFrame
    ) -> list[CheckResult]:
        """Validate a frame against rules that share it; one result a rule, in their order."""
        with _quietly():
            batch = self._batch(frame)
            found = batch.validate(
                self._gx.ExpectationSuite(name=suite.table, expectations=[item for _, item in rules]),
                result_format=_COUNTS_ONLY,
                expectation_parameters=self._parameters,
            )
            # Great Expectations reports rules that raised first, so the order is no guide.
            outcomes = {item.expectation_config.meta["name"]: item for item in found.results}
            there = frozenset(map(str, frame.columns))
            return [
                self._result(suite, rule, outcomes[rule.name], batch, item, there) for rule, item in rules
            ]

    def _batch(self, frame: pd.DataFrame) -> Batch:
        if self._frames is None:
            from great_expectations.data_context.types.base import ProgressBarsConfig

            context = self._gx.get_context(mode="ephemeral")
            context.variables.progress_bars = ProgressBarsConfig(globally=False)
            asset = context.data_sources.add_pandas("profiles").add_dataframe_asset("profile")
            # One for all frames: with every further asset the library writes its configuration anew.
            self._frames = asset.add_batch_definition_whole_dataframe("profile")
        batch: Batch = self._frames.get_batch(batch_parameters={"dataframe": frame})
        return batch

    def _result(
        self,
        suite: Suite,
        rule: Rule,
        outcome: Any,
        batch: Batch,
        expectation: Expectation,
        there: Collection[str],
    ) -> CheckResult:
        fault = _exception(outcome.exception_info)
        failing: tuple[Mapping[str, Cell], ...] = ()
        if fault:
            observed = f"The rule could not be checked: {fault}."
        elif outcome.success:
            observed = self._all_well(outcome.result)
        else:
            columns = [name for name in rule.rows if name in there and name not in self._personal]
            detail = batch.validate(
                expectation,
                result_format={"result_format": "COMPLETE", "unexpected_index_column_names": columns},
                expectation_parameters=self._parameters,
            ).result
            # Without columns that identify a row, the library hands over bare positions.
            found = detail.get("unexpected_index_list") or []
            rows = [row if isinstance(row, Mapping) else {} for row in found]
            failing = tuple(self._row(row, columns) for row in rows[:ROWS_KEPT])
            observed = self._trouble(rule, detail, rows)
        return CheckResult(
            table=suite.table,
            name=rule.name,
            column=rule.column,
            # A rule that cannot run protects nobody, so it weighs as much as one that fails hard.
            severity="critical" if fault else rule.severity,
            success=bool(outcome.success),
            expected=rule.says,
            observed=observed,
            failing=failing,
            remedy=f"Mend {suite.file.name} or its profile {rule.profile.name}." if fault else rule.remedy,
        )

    def _all_well(self, result: Mapping[str, Any]) -> str:
        if "element_count" in result:
            checked = int(result["element_count"]) - int(result.get("missing_count") or 0)
            return f"holds (rows checked: {checked:,})"
        if result.get("observed_value") is not None:
            return f"holds; found {self._shown(result['observed_value'])}"
        return "holds"

    def _trouble(self, rule: Rule, result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
        if "unexpected_count" in result and "element_count" in result:
            values = {
                "failing": f"{int(result['unexpected_count']):,}",
                "rows": f"{int(result['element_count']):,}",
                "total": _total(result.get("unexpected_list") or []),
                "when": _when(rows),
            }
            template = rule.fails or "rows that break the rule: {failing} of {rows}"
            return template.format(**values)
        if result.get("partial_missing_list"):
            return f"missing: {self._shown(result['partial_missing_list'])}"
        return f"found {self._shown(result.get('observed_value'))}"

    def _row(self, row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Cell]:
        # The rule's own column comes with the row, behind the columns that identify it.
        names = (*columns, *(name for name in row if name not in columns and name not in self._personal))
        return {name: cell(row[name], self._known) for name in names if name in row}

    def _shown(self, value: object) -> str:
        if isinstance(value, list | tuple | set):
            return ", ".join(str(cell(item, self._known)) for item in list(value)[:12])
        shown = cell(value, self._known)
        return "nothing" if shown is None else f"{shown:,}" if type(shown) is int else str(shown)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the library's warnings from the reader, and tqdm from starting its watcher thread.

    The bars are off, so there is nothing to watch, and threads do not survive a fork.
    """
    tqdm = importlib.import_module("tqdm.auto").tqdm
    before = tqdm.monitor_interval
    tqdm.monitor_interval = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        tqdm.monitor_interval = before


def _parameter_names(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if "$PARAMETER" in value:
            yield str(value["$PARAMETER"])
        else:
            for item in value.values():
                yield from _parameter_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _parameter_names(item)


def _exception(info: Mapping[str, Any]) -> str:
    entries: list[Any] = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            return scrubbed(_one_line(entry.get("exception_message") or "unknown cause")).rstrip(".")
    return ""


def _one_line(text: object) -> str:
    return "; ".join(line.strip() for line in str(text).splitlines() if line.strip())


def _total(values: Sequence[Any]) -> str:
    numbers = [float(value) for value in values if isinstance(value, int | float | np.number)]
    return f"{sum(numbers):,.10g}" if numbers else str(len(values))


def _when(rows: Sequence[Mapping[str, Any]]) -> str:
    days = sorted({str(cell(row["date_key"])) for row in rows if not pd.isna(row.get("date_key"))})
    if not days:
        return "on no known day"
    return f"on {days[0]}" if len(days) == 1 else f"on {len(days):,} days from {days[0]} to {days[-1]}"


def cell(value: object, known: Collection[str] = ()) -> Cell:
    """Return a frame's value as one that JSON knows and anyone may read.

    Dates become ISO text and missing values None; text that may concern a person and is not ``known``
    is masked.
    """
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # NaN is not itself
        return None
    if isinstance(value, pd.Timestamp | dt.datetime):
        stamp = pd.Timestamp(value)
        return stamp.date().isoformat() if stamp == stamp.normalize() else stamp.isoformat()
    if isinstance(value, np.generic):
        return cell(value.item(), known)
    if isinstance(value, str):
        return masked(value, known)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return str(value)
