"""The gate: load the suites, validate, reconcile, decide whether a domain may be published."""

from kpi_lib.quality.expectations import preload
from kpi_lib.quality.gate import check_suites, suite_parameters, validate
from kpi_lib.quality.results import CheckResult, GateResult
from kpi_lib.quality.suites import read_suites

__all__ = [
    "CheckResult",
    "GateResult",
    "check_suites",
    "preload",
    "read_suites",
    "suite_parameters",
    "validate",
]
