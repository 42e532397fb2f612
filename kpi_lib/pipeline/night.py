"""The night: tables, gate, pages, publish; and its parts on their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kpi_lib.catalogue import Catalogue, load_catalogue
from kpi_lib.catalogue.targets import load_targets
from kpi_lib.errors import DataError, KpiError, UsageError, did_you_mean
from kpi_lib.operations.lock import run_lock
from kpi_lib.operations.notice import last_good, withdraw_notice
from kpi_lib.operations.progress import Reporter
from kpi_lib.operations.release import storage_error
from kpi_lib.operations.run import Clock, Run, prune_runs
from kpi_lib.pipeline.build import build_domain
from kpi_lib.pipeline.carry_over import carry_over
from kpi_lib.pipeline.documents import documents, in_order
from kpi_lib.pipeline.failed_night import count_connection, reason, repeat_notice, tell_readers
from kpi_lib.pipeline.gate import run_gate, words
from kpi_lib.pipeline.ledger import record_publication
from kpi_lib.pipeline.night_types import DomainRun, NightOptions, NightResult
from kpi_lib.pipeline.page_request import KeptDomain, PageRequest, PageResult
from kpi_lib.pipeline.pages import make_pages
from kpi_lib.pipeline.scorecard import restore
from kpi_lib.pipeline.store import DOMAIN_ERRORS, Bench, store_of
from kpi_lib.pipeline.unchanged import is_unchanged, look, newest_comes_first
from kpi_lib.pipeline.workspace import Workspace
from kpi_lib.quality import preload
from kpi_lib.reporting.kernel import prepare as warm_kernels
from kpi_lib.reporting.render import choose_renderer

LOCK_WAIT_SECONDS = 5.0


def run_night(
    workspace: Workspace, options: NightOptions, *, clock: Clock, progress: Reporter
) -> NightResult:
    """Run the whole night and publish it.

    Raises
    ------
    GateError
        When no domain passed its gate; nothing is published then.
    KpiError
        Whatever else stopped the run; what was published before stays.
    """
    night = _Night(workspace, options, clock, progress, "nightly")
    if newest_comes_first(night.store, night.published, options, night.domains, night.code):
        # An older date publishes the tables of all dates: pages that disagree with them must not stay.
        _Night(workspace, replace(options, as_of=None), clock, progress, "nightly").run()
        night = _Night(workspace, options, clock, progress, "nightly")
    return night.run()


def run_build(
    workspace: Workspace, options: NightOptions, *, clock: Clock, progress: Reporter
) -> NightResult:
    """Build, gate and publish the tables; the published pages stay as they are.

    Raises
    ------
    UsageError
        When a date is asked for and the tables are of another run than the pages: they may reach further.
    KpiError
        Whatever else stopped the run.
    """
    night = _Night(workspace, options, clock, progress, "build", pages=False)
    if options.as_of is not None and not night.store.agrees(night.published):
        raise UsageError(
            "The published tables are of another run than the pages here, and may reach further.",
            where="--as-of",
            remedy="Run `kpi nightly` first.",
        )
    return night.run()


def run_render(
    workspace: Workspace, options: NightOptions, *, clock: Clock, progress: Reporter
) -> NightResult:
    """Run notebooks and rendering on the published tables, and publish the pages."""
    return _Night(workspace, options, clock, progress, "render", tables=False).run()


class _Night:
    def __init__(
        self,
        workspace: Workspace,
        options: NightOptions,
        clock: Clock,
        progress: Reporter,
        kind: str,
        *,
        tables: bool = True,
        pages: bool = True,
    ) -> None:
        self.workspace = workspace
        self.options = options
        self.clock = clock
        self.progress = progress
        self.kind = kind
        self.tables = tables
        self.pages = pages
        self.releases = workspace.releases
        self.store = store_of(workspace)
        self.published = self.releases.record() or {}
        self.domains = [DomainRun(catalogue) for catalogue in workspace.catalogues]
        self.code = workspace.code_version()

    def run(self) -> NightResult:
        self._check_only()
        if self.pages:
            # A renderer that is not there is better known before the work than after it.
            choose_renderer(self.options.renderer, self.workspace.settings.root / "reports")
        try:
            self.workspace.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.workspace.runs) from error
        now = self.clock()
        with run_lock(self.workspace.output, f"{now:%Y%m%dT%H%M%SZ}", now, LOCK_WAIT_SECONDS):
            # Another run may have published while this one waited for its turn.
            self.published = self.releases.record() or {}
            run = Run.start(
                self.workspace.runs, self.clock, self.progress.step,
                kind=self.kind, profile=self.workspace.name, code_version=self.code,
            )  # fmt: skip
            try:
                unchanged = self._unchanged()
                if unchanged is not None:
                    run.finish("unchanged")
                    return unchanged
                return self._run(run)
            except OSError as error:
                mapped = storage_error(error, self.workspace.output)
                self._fail(run, mapped)
                raise mapped from error
            except UsageError as error:
                # The call was wrong, not the night.
                run.finish("refused", error=str(error))
                raise
            except KeyboardInterrupt:
                run.finish("interrupted", error="stopped from the keyboard")
                raise
            except BaseException as error:
                self._fail(run, error)
                raise

    def _fail(self, run: Run, error: BaseException) -> None:
        """Close the record of a night that failed, and tell the readers of the last good pages."""
        run.finish("failed", error=str(error) or type(error).__name__)
        options = self.options
        try:
            count_connection(self.workspace, self.clock, error)
            if self.kind != "nightly" or options.only or options.limit or options.as_of is not None:
                return
            tell_readers(self.workspace, run, error)
        except (KpiError, OSError, ValueError) as trouble:
            # The night's own error is the one to act on; this one must not hide it.
            self.progress.say(f"The published pages could not be marked as old: {trouble}")

    def _run(self, run: Run) -> NightResult:
        staged = self.releases.stage(run.run_id)
        bench = self.store.begin(run, staged)
        try:
            if self.pages:
                warm_kernels()
            if self.tables:
                preload()
                for domain in self.domains:
                    self._build(domain, bench, run)
                self._require_one_good()
            else:
                self._take_published()
            self._carry_over(staged)
            pages = self._make_pages(self._past(), staged, run, archive=True) if self.pages else []
            self._restore_scorecards(bench, run)
            pages += self._make_pages(self._newest(), staged, run) if self.pages else []
            record = self._record(run, pages)
            with run.step("publish"):
                passed = [item.name for item in self.domains if not item.error]
                bench.publish(record, {name: record["domains"][name] for name in passed})
                self.releases.publish(staged, record)
                self._keep_notice(run, complete=not self._past())
        finally:
            run.facts.update(bench.account())
            self.releases.discard(staged)
            self._tidy(bench)
        self.releases.prune(self.workspace.settings.retention.releases)
        prune_runs(self.workspace.runs, self.workspace.settings.retention.runs)
        return self._finish(run, pages)

    def _keep_notice(self, run: Run, *, complete: bool) -> None:
        """Leave the banner of a failed night on the pages when this run is not the night that mends it."""
        mended = self.kind == "nightly" and complete and not self._not_asked_for()
        if "notice" in self.published and not mended:
            repeat_notice(self.workspace, run, self.published["notice"])

    def _tidy(self, bench: Bench) -> None:
        try:
            bench.discard()
        except KpiError as error:
            # What is published is published; the next run removes what is left.
            self.progress.say(f"What was staged could not be removed: {error}")

    def _check_only(self) -> None:
        load_targets(self.workspace.settings.targets, self.workspace.catalogues)
        names = [report.name for item in self.domains for report in item.catalogue.reports]
        for name in self.options.only:
            if name not in names:
                raise UsageError(
                    f"There is no report '{name}'.", where="--only", remedy=did_you_mean(name, names)
                )

    def _unchanged(self) -> NightResult | None:
        """Return the result of a run that would change nothing, or None."""
        self.published = self.published or self.store.remembered()
        for item in self.domains:
            if self.tables:
                look(self.store, item)
        if self.kind != "nightly" or not is_unchanged(self.published, self.options, self.domains, self.code):
            return None
        if not self.releases.intact() or not self.store.agrees(self.published):
            return None
        # Of a failed night of domains that were not asked for, nothing is known: its banner stays.
        if not self._not_asked_for() and not withdraw_notice(self.releases):
            return None
        count_connection(self.workspace, self.clock, None)
        return NightResult(
            run_id=self.published["run_id"],
            status="unchanged",
            site=self._site(),
            pdfs=self._pdfs(self.published["domains"]),
            notes=(
                f"Nothing changed since run {self.published['run_id']}: same sources, definitions and code. "
                "Use --force to run anyway.",
                *self.workspace.misled,
            ),
        )

    def _build(self, domain: DomainRun, bench: Bench, run: Run) -> None:
        catalogue = domain.catalogue
        try:
            if domain.error is not None:
                raise domain.error
            with bench.domain(catalogue, several=len(self.domains) > 1) as warehouse:
                domain.built = build_domain(
                    warehouse,
                    catalogue,
                    bench.load,
                    bench.kpi_tables,
                    run,
                    as_of=self.options.as_of,
                    keep_until=self._published_as_of(catalogue),
                    take_back=self.options.force,
                    today=self.clock().astimezone(ZoneInfo(catalogue.calendar.time_zone)).date(),
                    full=self.options.full or self._held(domain).get("code_version") != self.code,
                    last_days=self.options.last_days,
                    backfill=self.options.backfill,
                )
                with run.step("gate", catalogue.domain) as step:
                    domain.gate = run_gate(self.workspace, catalogue, warehouse, domain.built.span, run)
                    step.note = words(domain.gate)
                    domain.gate.raise_if_failed()
                record_publication(warehouse, catalogue, domain.built, run)
                bench.finish(warehouse, catalogue, domain.built.span.as_of)
            domain.record = {
                **domain.make_record(),
                "published_by": run.run_id,
                "code_version": self.code,
            }
        except DOMAIN_ERRORS as error:
            domain.error = error
            # Readers see this: the whole text, which may hold rows, stays with the run.
            domain.record = {**self._held(domain), "error": reason(error)}
            if last_good(self.releases) is None:
                # What is known of it comes from the warehouse: no release here holds its tables or pages.
                domain.record["elsewhere"] = True

    def _require_one_good(self) -> None:
        failed = [item.error for item in self.domains if item.error is not None]
        if len(failed) == len(self.domains):
            raise failed[0]

    def _take_published(self) -> None:
        held = self.published.get("domains", {})
        for item in self.domains:
            if item.name not in held:
                raise UsageError(
                    f"Nothing of '{item.name}' is built yet.",
                    remedy="Run `kpi nightly` or `make report` first.",
                )
            item.record = held[item.name]
            if "error" in item.record:
                item.error = DataError(item.record["error"], where=item.name)
        self._require_one_good()

    def _published_as_of(self, catalogue: Catalogue) -> dt.date | None:
        record = self.published.get("domains", {}).get(catalogue.domain)
        return dt.date.fromisoformat(record["as_of"]) if record and "as_of" in record else None

    def _carry_over(self, staged: Path) -> None:
        current = last_good(self.releases)
        if current is None:
            return
        newest, past = self._newest(), self._past()
        catalogues = in_order(
            self.workspace,
            [*(item.catalogue for item in self.domains), *(kept.catalogue for kept in self._kept())],
        )
        failed = [item.name for item in self.domains if item.error is not None]
        carry_over(
            current,
            staged,
            everything=not self.pages or bool(self.options.only or self.options.limit) or not newest,
            domains=[*failed, *(item.name for item in past), *self._not_asked_for()],
            made={(str(item.record["as_of"]), item.name) for item in (*newest, *past)},
            documents={
                name
                for item in newest
                for _, name in documents(catalogues, item.catalogue, item.record["as_of"])
            },
        )

    def _held(self, item: DomainRun) -> dict[str, Any]:
        held: dict[str, Any] = self.published.get("domains", {}).get(item.name, {})
        return held

    def _past(self) -> list[DomainRun]:
        """Return the domains of which this run makes an older date than the published one."""
        return [item for item in self.domains if item.is_past(self._held(item))]

    def _newest(self) -> list[DomainRun]:
        """Return the domains of which this run makes the date that is to be published."""
        past = self._past()
        return [item for item in self.domains if item.error is None and item not in past]

    def _restore_scorecards(self, bench: Bench, run: Run) -> None:
        """After the pages of an older date: only the newest one may stand in ``dashboard_kpis``."""
        for item in self._past():
            newest = self._published_as_of(item.catalogue)
            if item.built is None or newest is None:
                continue
            with bench.reopen(item.catalogue) as warehouse:
                if item.catalogue.has_scorecard:
                    restore(warehouse, item.catalogue, newest, item.built.span.first_day, run.clock())
                bench.finish(warehouse, item.catalogue, newest)

    def _make_pages(
        self, items: list[DomainRun], staged: Path, run: Run, *, archive: bool = False
    ) -> list[PageResult]:
        if not items:
            return []
        request = PageRequest(
            domains=tuple((item.catalogue, item.record) for item in items),
            kept=self._kept(),
            renderer=self.options.renderer,
            only=self.options.only,
            limit=self.options.limit,
            archive_only=archive,
            code_version=self.code,
            followed=archive and bool(self._newest()),
        )
        return make_pages(self.workspace, request, staged, run, self.progress)

    def _kept(self) -> tuple[KeptDomain, ...]:
        """Return the domains whose published pages stay: failed, asked for an older date, not asked for."""
        failed = [
            KeptDomain(item.catalogue, item.record, reason(item.error))
            for item in self.domains
            if item.error is not None
        ]
        past = [
            KeptDomain(item.catalogue, self._held(item), self._held(item).get("error", ""))
            for item in self._past()
        ]
        settings, held = self.workspace.settings, self.published.get("domains", {})
        return (*failed, *past, *(
            KeptDomain(load_catalogue(settings.domain_folder(name)), held[name], held[name].get("error", ""))
            for name in self._not_asked_for()
        ))  # fmt: skip

    def _not_asked_for(self) -> list[str]:
        asked = {item.name for item in self.domains}
        held = self.published.get("domains", {})
        return [name for name in self.workspace.settings.domains if name in held and name not in asked]

    def _record(self, run: Run, pages: list[PageResult]) -> dict[str, Any]:
        past = self._past()
        made = {
            item.name: {**self._held(item), "published_by": run.run_id} if item in past else item.record
            for item in self.domains
        }
        return {
            "schema_version": 1,
            "run_id": run.run_id,
            "kind": "archive" if past else self.kind,
            "code_version": self.code,
            "renderer_asked": self.options.renderer,
            "partial": bool(self.options.only or self.options.limit),
            "published_at": self.clock().isoformat(),
            "failed": [page.name for page in pages if not page.ok],
            "domains": {**self.published.get("domains", {}), **made},
        }

    def _finish(self, run: Run, pages: list[PageResult]) -> NightResult:
        count_connection(self.workspace, self.clock, None)
        records = {item.name: item.record for item in self.domains}
        failed = [f"{page.name}: {page.error}" for page in pages if not page.ok]
        failed += [f"{item.name}: {item.error}" for item in self.domains if item.error]
        exit_code = max(
            (item.error.exit_code for item in self.domains if item.error), default=1 if failed else 0
        )
        status = "published" if not failed else "published with failures"
        run.finish(status, domains=records, failed=failed)
        notes = [*(item.note() for item in self.domains if item.error is None), *self.workspace.misled]
        return NightResult(
            run_id=run.run_id,
            status=status,
            site=self._site(),
            pdfs=self._pdfs(records),
            notes=tuple(notes),
            failed=tuple(failed),
            exit_code=exit_code,
        )

    def _site(self) -> Path:
        return self.workspace.output / "site" / "index.html"

    def _pdfs(self, domains: Mapping[str, Any]) -> tuple[Path, ...]:
        folder = self.workspace.output / "pdf"
        dates = {item.get("as_of") for item in domains.values()}
        return tuple(sorted(file for date in dates for file in folder.glob(f"*-{date}.pdf")))
