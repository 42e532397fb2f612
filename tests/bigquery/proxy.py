"""A proxy before the emulator that can fail as networks and services do."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Fault:
    """What happens to requests whose ``METHOD path`` matches.

    Parameters
    ----------
    match
        A regular expression.
    what
        ``refuse`` (answer with ``status``), ``lose`` (do the work, then drop the line), ``cut`` (drop the
        line in the middle of the answer) or ``stall`` (answer late).
    times
        How often; None for ever.
    """

    match: str
    what: str
    times: int | None = 1
    status: int = 503
    reason: str = "backendError"
    message: str = "The service is unavailable."
    #: The whole answer, where it is not one of BigQuery's.
    content: str = ""
    seconds: float = 0.0
    seen: int = 0


@dataclass
class Proxy:
    """A running proxy."""

    host: str
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def fault(self, line: str) -> Fault | None:
        """Return the fault of a request, counted."""
        for fault in self.faults:
            if re.search(fault.match, line) and (fault.times is None or fault.seen < fault.times):
                fault.seen += 1
                return fault
        return None


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """Run a proxy to ``host:port``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            return

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def answer(self) -> None:
            line = f"{self.command} {self.path}"
            proxy.requests.append(line)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.fault(line)
            if fault is not None and fault.what == "stall":
                time.sleep(fault.seconds)
            if fault is not None and fault.what == "refuse":
                self.refuse(fault)
                return
            status, headers, content = self.ask(body)
            if fault is not None and fault.what == "lose":
                self.drop()
                return
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value.replace(target, proxy.host))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault is not None and fault.what == "cut":
                self.wfile.write(content[: len(content) // 2])
                self.drop()
                return
            self.wfile.write(content)

        def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            line = http.client.HTTPConnection(target, timeout=300)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            line.request(self.command, self.path, body, headers)
            found = line.getresponse()
            content = found.read()
            kept = [(name, value) for name, value in found.getheaders() if name.lower() not in _HOP]
            line.close()
            return found.status, kept, content

        def refuse(self, fault: Fault) -> None:
            told = {"message": fault.message, "domain": "global", "reason": fault.reason}
            said = {"error": {"code": fault.status, "message": fault.message, "errors": [told]}}
            content = (fault.content or json.dumps(said)).encode()
            self.send_response(fault.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def drop(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(f"127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_HOP = ("host", "connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding")
