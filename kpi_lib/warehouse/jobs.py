"""The BigQuery jobs of a run: sent once, priced before, written down after."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kpi_lib.catalogue.profiles import BigQueryProfile
from kpi_lib.errors import KpiError
from kpi_lib.warehouse.google_failures import Place, elsewhere, foreign_errors, is_transient
from kpi_lib.warehouse.joblog import JobEntry, JobLog
from kpi_lib.warehouse.patience import Listener, Patience

if TYPE_CHECKING:
    from google.cloud import bigquery

_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_ELSEWHERE = re.compile(r"Not found: (?:Dataset|Table) ([\w.:-]+?)[:.](\w+)(?:\.\w+)? was not found in")
#: Starts a job: ``start(job_id, request_seconds)`` sends it without retries of the client's own.
Start = Callable[[str, float], Any]


@dataclass
class Jobs:
    """Runs jobs for one run of one profile.

    Parameters
    ----------
    client
        From :func:`~kpi_lib.warehouse.google_client.open_client`.
    profile, profile_name
        The limits and labels, and the name for messages.
    run_id
        Part of every job id and a label.
    log
        Where jobs are written down, and what is left of the budget; the domains of a run share one.
    domain
        A label; empty for none.
    listener
        Told when BigQuery answers and when it does not.
    """

    client: bigquery.Client
    profile: BigQueryProfile
    profile_name: str
    run_id: str
    log: JobLog
    domain: str = ""
    listener: Listener | None = None
    # Two machines may start a run in the same second; their job ids must not meet.
    salt: str = field(default_factory=lambda: secrets.token_hex(3))
    _count: int = 0

    @property
    def place(self) -> Place:
        """Whom messages name."""
        return Place(self.profile_name, self.profile.project, self.profile.location)

    @property
    def patience(self) -> Patience:
        """How every call is made."""
        return Patience(self.place, self.profile.deadlines, self.listener)

    def labels(self, step: str) -> dict[str, str]:
        """Return the labels of a step's jobs."""
        own = {"run": self.run_id, "step": step, "domain": self.domain}
        named = {key: re.sub(r"[^a-z0-9_-]", "_", value.lower())[:63] for key, value in own.items() if value}
        return {**self.profile.labels, **named}

    def call(self, doing: str, work: Callable[[float], Any]) -> Any:
        """Return what a call of the client returns, tried again while that may help."""
        return self.patience.call(doing, work)

    def estimate(self, sql: str, parameters: Sequence[Any] = (), step: str = "query") -> int:
        """Return the bytes that a query would read; BigQuery does not bill for asking."""
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, query_parameters=parameters)
        job = self._told(
            step,
            lambda seconds: self.client.query(
                sql, job_config=config, location=self.profile.location, retry=None, job_retry=None,
                timeout=seconds,
            ),
        )  # fmt: skip
        return int(job.total_bytes_processed or 0)

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        step: str,
        guard: bool = True,
        **options: Any,
    ) -> bigquery.QueryJob:
        """Run a query to its end and return the job.

        Parameters
        ----------
        sql, parameters
            GoogleSQL with physical names, and its named parameters.
        step
            For the job's id and label, and for messages.
        guard
            Whether to ask for the bytes first; a script of several statements has no estimate.
        options
            Further fields of ``QueryJobConfig``, such as ``destination``.

        Raises
        ------
        AccessError
            When it would read more than the profile allows, or a permission is missing.
        KpiError
            Whatever else BigQuery answers, explained.
        """
        from google.cloud import bigquery

        estimate = self.estimate(sql, parameters, step) if guard else 0
        config = bigquery.QueryJobConfig(
            query_parameters=parameters,
            maximum_bytes_billed=self.log.allow(estimate, str(self.place), step),
            labels=self.labels(step),
            **options,
        )

        def start(job_id: str, seconds: float) -> bigquery.QueryJob:
            return self.client.query(
                sql, job_config=config, job_id=job_id, location=self.profile.location, retry=None,
                job_retry=None, timeout=seconds,
            )  # fmt: skip

        return self.run(step, start)

    def run(self, step: str, start: Start) -> Any:
        """Start a job, wait for its end and write it down.

        ``start`` is called with a job id that follows from run and step. When its answer was lost and the job
        is already there (409), that job is waited for: it never runs twice. Only a job that itself ended with
        a transient error is started again, under a new id.
        """
        self._count += 1
        stem = _NAME.sub("_", f"kpi-{self.run_id}-{self.salt}-{self.domain or 'all'}-{step}-{self._count}")
        begun, starts = time.perf_counter(), 1

        def once(seconds: float) -> Any:
            nonlocal starts
            job = self._started(f"{stem}-{starts}", start, seconds)
            try:
                job.result(retry=None, timeout=self.profile.deadlines.query, **_no_restart(job))
            except TimeoutError:
                self._cancel(job, seconds)
                raise
            except foreign_errors() as error:
                if job.error_result and is_transient(error):
                    starts += 1
                raise
            return job

        answer = self._answer(step, once)
        self.log.add(_entry(answer.value, self.domain, step, time.perf_counter() - begun, answer.tries))
        return answer.value

    def _started(self, job_id: str, start: Start, seconds: float) -> Any:
        from google.api_core import exceptions

        try:
            return start(job_id, seconds)
        except exceptions.Conflict:
            return self.client.get_job(job_id, location=self.profile.location, retry=None, timeout=seconds)

    def _cancel(self, job: Any, seconds: float) -> None:
        # It would go on and be billed with nobody waiting; if even that call fails, the first error counts.
        try:
            job.cancel(retry=None, timeout=seconds)
        except foreign_errors() as error:
            raise TimeoutError(f"job {job.job_id} goes on: {error}") from error

    def _told(self, step: str, work: Callable[[float], Any]) -> Any:
        return self._answer(step, work).value

    def _answer(self, step: str, work: Callable[[float], Any]) -> Any:
        try:
            return self.patience.answer(step, work)
        except KpiError as error:
            raise self._located(error) from error.__cause__

    def _located(self, error: KpiError) -> KpiError:
        """Return a better error where a dataset is not missing but lies elsewhere."""
        cause = error.__cause__
        found = _ELSEWHERE.search(str(cause))
        if getattr(cause, "code", None) != 404 or found is None:
            return error
        try:
            dataset = self.client.get_dataset(
                f"{found[1]}.{found[2]}", retry=None, timeout=self.profile.deadlines.request
            )
        except foreign_errors():
            return error
        if dataset.location and dataset.location.lower() != self.profile.location.lower():
            return elsewhere(self.place, error.where, f"{found[1]}.{found[2]}", dataset.location)
        return error


def _no_restart(job: Any) -> dict[str, None]:
    """Return the argument that keeps a query job from being started anew by the client."""
    return {"job_retry": None} if job.job_type == "query" else {}


def _entry(job: Any, domain: str, step: str, seconds: float, tries: int) -> JobEntry:
    rows = getattr(job, "output_rows", None)
    if rows is None:
        rows = getattr(job, "num_dml_affected_rows", None)
    return JobEntry(
        job_id=str(job.job_id),
        kind=str(job.job_type),
        domain=domain,
        step=step,
        bytes_processed=int(getattr(job, "total_bytes_processed", None) or 0),
        bytes_billed=int(getattr(job, "total_bytes_billed", None) or 0),
        seconds=round(seconds, 3),
        tries=tries,
        rows=None if rows is None else int(rows),
        cached=bool(getattr(job, "cache_hit", None)),
    )
