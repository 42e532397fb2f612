"""Jobs through the official client against a server that fails: retries, deadlines, limits, messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.bigquery")

from kpi_lib.catalogue import BigQueryProfile
from kpi_lib.catalogue.profiles import Deadlines
from kpi_lib.errors import AccessError, DataError, DefinitionError, KpiError, RunError, WarehouseError
from kpi_lib.warehouse.google_client import credentials_in_use, open_client
from kpi_lib.warehouse.joblog import JobLog
from kpi_lib.warehouse.jobs import Jobs
from tests.bigquery_server import PROJECT, Fault, World, refusal, running

INSERT = r"^POST .*/jobs\?.*[^y]$"
QUICK = Deadlines(request=0.5, query=3, outage=3, first_wait=0.02, longest_wait=0.1)


def profile(**keys: Any) -> BigQueryProfile:
    datasets = {layer: f"{{domain}}_{layer}" for layer in ("raw", "mart", "kpi", "ops")}
    return BigQueryProfile(
        **{"project": PROJECT, "datasets": datasets, "labels": {"team": "x"}, "deadlines": QUICK, **keys}
    )


class Heard:
    """Listens as the run does."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def reached(self) -> None:
        self.words.append("reached")

    def lost(self, error: KpiError) -> None:
        self.words.append("lost")


@pytest.fixture
def world() -> Iterator[World]:
    with running() as served:
        yield served


@pytest.fixture
def jobs(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    yield from opened(world.url, monkeypatch)


def opened(url: str, monkeypatch: pytest.MonkeyPatch, **keys: Any) -> Iterator[Jobs]:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", url)
    chosen = profile(**keys)
    client = open_client(chosen, "prod")
    log = JobLog.of(chosen)
    yield Jobs(client, chosen, "prod", "20261122T000000Z", log, "winery", Heard())
    client.close()


def heard(jobs: Jobs) -> list[str]:
    assert isinstance(jobs.listener, Heard)
    return jobs.listener.words


def test_a_query_runs_once_and_is_written_down(world: World, jobs: Jobs) -> None:
    world.bytes = 123_456_789
    job = jobs.query("SELECT 7 AS n", step="facts")
    assert [row["n"] for row in job.result()] == [7]
    (entry,) = jobs.log.jobs
    assert (entry.job_id, entry.kind, entry.step, entry.tries) == (world.ran[0], "query", "facts", 1)
    assert entry.bytes_billed == 123_456_789
    assert entry.job_id.startswith("kpi-20261122T000000Z-")
    assert "-winery-facts-1-1" in entry.job_id
    sent = world.bodies[1]["configuration"]
    assert sent["labels"] == {"team": "x", "run": "20261122t000000z", "step": "facts", "domain": "winery"}
    assert sent["query"]["maximumBytesBilled"] == str(20 * 2**30)
    assert heard(jobs) == ["reached", "reached"]


@pytest.mark.parametrize(
    "reply",
    [
        refusal(503, "backendError", "Visibility check was unavailable."),
        refusal(500, "internalError", "An internal error occurred."),
        refusal(403, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user"),
        (502, {}),
        "drop",
        "cut",
        "silence",
    ],
)
def test_what_is_transient_is_tried_again(world: World, jobs: Jobs, reply: Any) -> None:
    world.faults = [Fault(INSERT, reply)]
    jobs.query("SELECT 7 AS n", step="facts")
    assert len(world.ran) == 1
    assert jobs.log.jobs[0].tries == 2
    assert set(heard(jobs)) == {"reached"}


@pytest.mark.parametrize("reply", ["drop", "cut", refusal(503, "backendError", "unavailable")])
def test_a_job_whose_answer_was_lost_never_runs_twice(world: World, jobs: Jobs, reply: Any) -> None:
    world.faults = [Fault(INSERT, reply, after=True)]
    jobs.query("SELECT 7 AS n", step="merge")
    assert len(world.ran) == 1
    assert sum(line.startswith("POST") and not line.endswith("#dry") for line in world.asked) == 2
    assert any(line.startswith(f"GET /bigquery/v2/projects/{PROJECT}/jobs/kpi-") for line in world.asked)


def test_an_answer_that_breaks_off_while_waiting_is_asked_for_again(world: World, jobs: Jobs) -> None:
    world.faults = [Fault(r"^GET .*/(queries|jobs)/", "cut", times=2)]
    jobs.query("SELECT 7 AS n", step="merge")
    assert len(world.ran) == 1


def test_a_job_that_failed_for_a_moment_is_started_anew_under_another_id(world: World, jobs: Jobs) -> None:
    world.errors["1"] = [{"reason": "backendError", "message": "Error encountered during execution."}]
    jobs.query("SELECT 7 AS n", step="merge")
    first, second = world.ran
    assert (first[-4:], second[-4:]) == ("-1-1", "-1-2")


def test_a_job_that_failed_for_good_is_not_started_again(world: World, jobs: Jobs) -> None:
    world.errors["1"] = [{"reason": "invalidQuery", "message": "Unrecognized name: totl at [1:8]"}]
    with pytest.raises(DefinitionError, match="Unrecognized name: totl at") as caught:
        jobs.query("SELECT totl", step="mart.order_line")
    assert len(world.ran) == 1
    assert "a source column was renamed" in str(caught.value).lower()
    assert "profile 'prod', project example-reporting (mart.order_line)" in str(caught.value)


def test_an_outage_ends_at_our_own_deadline(world: World, jobs: Jobs) -> None:
    world.faults = [Fault("POST", refusal(503, "backendError", "The service is unavailable."), times=10_000)]
    begun = time.monotonic()
    with pytest.raises(WarehouseError, match=r"could not be reached in \d+ tries: The service is") as caught:
        jobs.query("SELECT 7 AS n", step="facts")
    assert caught.value.exit_code == 4
    assert 1 < time.monotonic() - begun < 5
    assert heard(jobs) == ["lost"]
    assert len(world.asked) > 5


def test_the_pauses_grow_and_differ(world: World, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", naps.append)
    world.faults = [Fault("POST", (503, {}), times=8)]
    jobs.query("SELECT 7 AS n", step="facts")
    assert len(naps) == 8
    assert len(set(naps)) == 8
    assert max(naps) <= 0.1 + 0.02


def test_connection_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as gone:
        url = gone.url
    for jobs in opened(url, monkeypatch):
        with pytest.raises(WarehouseError, match=r"could not be reached in \d+ tries: Connection refused"):
            jobs.query("SELECT 7 AS n", step="facts")
        assert heard(jobs) == ["lost"]


def test_a_job_that_takes_too_long_is_given_up_and_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.slow = 60
    for jobs in opened(world.url, monkeypatch, deadlines=QUICK.model_copy(update={"query": 0.5})):
        begun = time.monotonic()
        with pytest.raises(WarehouseError, match="did not finish in time"):
            jobs.query("SELECT 7 AS n", step="facts")
        assert time.monotonic() - begun < 4
        assert len(world.ran) == 1
        assert any("/cancel" in line for line in world.asked)
        assert "lost" not in heard(jobs)


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (
            refusal(404, "notFound", "Not found: Project no-such-project"),
            AccessError,
            "There is no project no-such-project, or this account may not see it.*`project` of the profile",
        ),
        (
            refusal(400, "invalid", "The project example-reporting has not enabled BigQuery."),
            AccessError,
            "BigQuery is not enabled in project example-reporting, or there is no such project",
        ),
        (
            refusal(404, "notFound", f"Not found: Dataset {PROJECT}:winery_raw was not found in location US"),
            AccessError,
            "There is no dataset example-reporting:winery_raw in US.*kpi doctor",
        ),
        (
            refusal(
                404,
                "notFound",
                f"Not found: Table {PROJECT}:winery_raw.stg_order was not found in location US",
            ),
            DefinitionError,
            "There is no table or view example-reporting:winery_raw.stg_order in US.*renamed",
        ),
        (
            refusal(
                403,
                "accessDenied",
                f"Access Denied: Project {PROJECT}: User does not have bigquery.jobs.create permission "
                f"in project {PROJECT}.",
            ),
            AccessError,
            "lacks the permission bigquery.jobs.create on project example-reporting.*roles/bigquery.jobUser",
        ),
        (
            refusal(
                403,
                "accessDenied",
                f"Access Denied: Table {PROJECT}:winery_raw.stg_order: User does not have permission to "
                f"query table {PROJECT}:winery_raw.stg_order, or perhaps it does not exist.",
            ),
            AccessError,
            "lacks the permission bigquery.tables.getData on table example-reporting:winery_raw.stg_order.*"
            "roles/bigquery.dataViewer on the dataset",
        ),
        (
            refusal(
                403,
                "accessDenied",
                f"Access Denied: Dataset {PROJECT}:winery_kpi: Permission bigquery.tables.create denied on "
                f"dataset {PROJECT}:winery_kpi (or it may not exist).",
            ),
            AccessError,
            "lacks the permission bigquery.tables.create on dataset example-reporting:winery_kpi.*dataEditor",
        ),
        (
            refusal(
                400, "invalid", "Cannot read and write in different locations: source: EU, destination: US"
            ),
            AccessError,
            "A dataset is in another location, and the profile says US",
        ),
        (
            refusal(
                403,
                "quotaExceeded",
                "Quota exceeded: Your project exceeded quota for free query bytes scanned.",
            ),
            WarehouseError,
            "A quota of the project is used up: Quota exceeded",
        ),
        (
            refusal(403, "billingNotEnabled", "Billing has not been enabled for this project."),
            WarehouseError,
            "Billing is not enabled",
        ),
        (
            refusal(
                400,
                "bytesBilledLimitExceeded",
                "Query exceeded limit for bytes billed: 10485760. 20971520 or higher required.",
            ),
            AccessError,
            "would read more than it may.*20971520 or higher required.*maximum_bytes_billed",
        ),
        (
            refusal(
                400, "invalidQuery", "No matching signature for function SUM for argument types: STRING."
            ),
            DefinitionError,
            "No matching signature.*another type: compare with the domain's sources.toml",
        ),
        (
            refusal(400, "invalidQuery", "Bad double value: 12,50"),
            DataError,
            "A value of the sources cannot be used: Bad double value: 12,50",
        ),
        (
            refusal(400, "resourcesExceeded", "Resources exceeded during query execution."),
            WarehouseError,
            "One query needs more than BigQuery gives",
        ),
        (refusal(412, "conditionNotMet", "Precondition check failed."), WarehouseError, "BigQuery refused"),
    ],
)
def test_every_refusal_says_what_where_and_what_to_do(
    world: World, jobs: Jobs, reply: Any, kind: type[KpiError], said: str
) -> None:
    world.faults = [Fault(INSERT, reply, times=100)]
    with pytest.raises(kind, match=f"(?s){said}") as caught:
        jobs.query("SELECT 7 AS n", step="facts")
    assert type(caught.value) is kind
    assert caught.value.remedy
    assert "Job ID" not in str(caught.value)
    assert "profile 'prod', project example-reporting (facts)" in caught.value.where
    assert world.ran == []
    refused = [line for line in world.asked if line.startswith("POST") and not line.endswith("#dry")]
    assert len(refused) == 1
    assert "lost" not in heard(jobs)


def test_credentials_that_have_expired(world: World, jobs: Jobs) -> None:
    from google.cloud import bigquery
    from google.oauth2.credentials import Credentials

    jobs.client.close()
    jobs.client = bigquery.Client(
        PROJECT,
        Credentials("old", "refresh", token_uri=f"{world.url}/token", client_id="c", client_secret="s"),  # noqa: S106
        client_options={"api_endpoint": world.url},
    )
    world.faults = [
        Fault(
            "^POST /token", (400, {"error": "invalid_grant", "error_description": "Token has been revoked."})
        ),
        Fault(INSERT, refusal(401, "authError", "Request had invalid authentication credentials.")),
    ]
    with pytest.raises(
        AccessError, match=r"(?s)have expired or were withdrawn: .*revoked.*gcloud auth application"
    ):
        jobs.query("SELECT 7 AS n", step="facts", guard=False)
    assert world.ran == []


def test_two_jobs_that_write_the_same_tables(world: World, jobs: Jobs) -> None:
    text = "Transaction is aborted due to concurrent update against table winery_kpi.fact_kpi_daily."
    world.faults = [Fault(INSERT, refusal(400, "invalidQuery", text), times=10_000)]
    with pytest.raises(RunError, match="Another job was writing the same tables in"):
        jobs.query("SELECT 7 AS n", step="facts")
    assert "lost" not in heard(jobs)


def test_a_dataset_in_another_location_is_told_from_one_that_is_missing(world: World, jobs: Jobs) -> None:
    world.datasets["winery_raw"] = "europe-west1"
    message = f"Not found: Dataset {PROJECT}:winery_raw was not found in location US"
    world.faults = [Fault(INSERT, refusal(404, "notFound", message))]
    with pytest.raises(AccessError, match=r"lies in europe-west1, and the profile says US"):
        jobs.query("SELECT 7 AS n", step="facts")


def test_a_query_over_the_limit_is_refused_before_it_runs(world: World, jobs: Jobs) -> None:
    world.bytes = 21 * 2**30
    with pytest.raises(AccessError, match=r"facts would read 21.0 GiB; one query may read 20.0 GiB"):
        jobs.query("SELECT 7 AS n", step="facts")
    assert world.ran == []


def test_a_run_stops_at_its_byte_budget(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bytes = 15 * 2**20
    for jobs in opened(world.url, monkeypatch, byte_budget=40 * 2**20, maximum_bytes_billed=30 * 2**20):
        jobs.query("SELECT 7 AS n", step="one")
        jobs.query("SELECT 8 AS n", step="two")
        with pytest.raises(
            AccessError, match=r"three would read 15.0 MiB; of the run's 40.0 MiB there are 10.0"
        ):
            jobs.query("SELECT 9 AS n", step="three")
        assert len(world.ran) == 2
        limits = [
            body["configuration"]["query"]["maximumBytesBilled"]
            for body in world.bodies
            if "maximumBytesBilled" in body.get("configuration", {}).get("query", {})
        ]
        assert limits == [str(30 * 2**20), str(25 * 2**20)]
        account = jobs.log.as_dict()
        assert (account["jobs"], account["bytes_billed"]) == (2, 30 * 2**20)


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(AccessError, match=r"(?s)No usable credentials were found.*gcloud auth"):
        open_client(profile(), "prod")
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(AccessError, match="cannot be read as a service account's key"):
        open_client(profile(key_file=tmp_path / "key.json"), "prod")
    with pytest.raises(AccessError, match="There is no such key file"):
        credentials_in_use(profile(key_file=tmp_path / "absent.json"), "prod")
