"""A local server that speaks enough of BigQuery to answer the official client, and to fail."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROJECT = "example-reporting"


def refusal(code: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    """An error as BigQuery writes it."""
    return code, {
        "error": {
            "code": code,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
        }
    }


@dataclass
class Fault:
    """What happens to the next ``times`` requests whose ``METHOD path`` matches."""

    match: str
    reply: tuple[int, dict[str, Any]] | str
    times: int = 1
    #: Whether the server does the work before the answer is lost.
    after: bool = False


@dataclass
class World:
    """What the server knows and what it was asked."""

    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    datasets: dict[str, str] = field(default_factory=dict)
    #: ``dataset.table`` → column → type.
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    #: Pattern of a query's text → what it is answered.
    rules: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    #: Seconds that a job runs before it is done.
    slow: float = 0.0
    url: str = ""

    def fault(self, line: str) -> Fault | None:
        """Take the next fault for a request."""
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.match, line):
                fault.times -= 1
                return fault
        return None

    def answer(self, line: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Do what a request asks for."""
        method, path = line.split(" ", 1)
        parts = path.split("?")[0].removeprefix("/bigquery/v2/projects/").split("/")
        if method == "POST" and parts[1:] == ["jobs"]:
            return self._insert(body)
        if method == "POST" and parts[-1] == "cancel":
            return 200, {"job": self.jobs[parts[2]]}
        if parts[1] == "jobs":
            job = self.jobs.get(parts[2])
            return (200, self._seen(job)) if job else refusal(404, "notFound", f"Not found: Job {parts[2]}")
        if parts[1] == "queries":
            job = self._seen(self.jobs[parts[2]])
            if "errorResult" in job["status"]:
                first = job["status"]["errorResult"]
                return refusal(400, first["reason"], first["message"])
            done = job["status"]["state"] == "DONE"
            return 200, {
                "jobReference": job["jobReference"],
                "jobComplete": done,
                "schema": {"fields": [{"name": "n", "type": "INTEGER"}]},
                "rows": [{"f": [{"v": "7"}]}] if done else [],
                "totalRows": "1",
            }
        if parts[1] == "datasets" and parts[3:4] == ["tables"]:
            return self._table(parts[2], parts[4])
        if parts[1] == "datasets":
            place = self.datasets.get(parts[2])
            if place is None:
                return refusal(404, "notFound", f"Not found: Dataset {PROJECT}:{parts[2]}")
            return 200, {
                "datasetReference": {"projectId": PROJECT, "datasetId": parts[2]},
                "location": place,
            }
        return refusal(404, "notFound", f"Not found: {line}")

    def _table(self, dataset: str, name: str) -> tuple[int, dict[str, Any]]:
        columns = self.tables.get(f"{dataset}.{name}")
        if columns is None:
            return refusal(404, "notFound", f"Not found: Table {PROJECT}:{dataset}.{name}")
        return 200, {
            "tableReference": {"projectId": PROJECT, "datasetId": dataset, "tableId": name},
            "type": "TABLE",
            "schema": {"fields": [{"name": key, "type": kind} for key, kind in columns.items()]},
        }

    def _insert(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        configuration = body["configuration"]
        for pattern, reply in self.rules.items():
            if re.search(pattern, configuration["query"]["query"]):
                return reply
        statistics = {
            "totalBytesProcessed": str(self.bytes),
            "query": {"totalBytesProcessed": str(self.bytes), "totalBytesBilled": str(self.bytes)},
        }
        if configuration.get("dryRun"):
            return 200, {
                "jobReference": {"projectId": PROJECT, "location": "US"},
                "configuration": configuration,
                "status": {"state": "DONE"},
                "statistics": statistics,
            }
        job_id = body["jobReference"]["jobId"]
        if job_id in self.jobs:
            return refusal(409, "duplicate", f"Already Exists: Job {PROJECT}:US.{job_id}")
        self.ran.append(job_id)
        status: dict[str, Any] = {"state": "RUNNING"}
        failure = self.errors.get(str(len(self.ran)))
        if failure:
            status = {"state": "DONE", "errorResult": failure[0], "errors": failure}
        self.jobs[job_id] = {
            "jobReference": {"projectId": PROJECT, "jobId": job_id, "location": "US"},
            "configuration": {**configuration, "jobType": "QUERY"},
            "status": status,
            "statistics": statistics,
            "began": time.monotonic(),
        }
        return 200, self._seen(self.jobs[job_id])

    def _seen(self, job: dict[str, Any]) -> dict[str, Any]:
        if time.monotonic() - job["began"] >= self.slow:
            job["status"]["state"] = "DONE"
        return {key: value for key, value in job.items() if key != "began"}


@contextlib.contextmanager
def running() -> Iterator[World]:
    """Serve a world on a free port of this machine."""
    world = World()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            return

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(size)
            body = json.loads(sent) if sent[:1] == b"{" else {}
            line = f"{self.command} {self.path}"
            if body.get("configuration", {}).get("dryRun"):
                line += "#dry"
            world.asked.append(line)
            world.bodies.append(body)
            fault = world.fault(line)
            if fault is None or fault.after:
                status, answer = world.answer(line.removesuffix("#dry"), body)
            if fault is not None and isinstance(fault.reply, tuple):
                status, answer = fault.reply
            elif fault is not None and fault.reply == "drop":
                self.close_connection = True
                return
            elif fault is not None and fault.reply == "silence":
                time.sleep(3)
                self.close_connection = True
                return
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            cut = fault is not None and fault.reply == "cut"
            self.send_header("Content-Length", str(len(data) + (100 if cut else 0)))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = cut

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
