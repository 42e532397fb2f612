"""A notebook's own process: forked from a warm server, limited, killed when it overruns.

Starting Python with pandas and Altair takes seconds; forking a process that has them takes
milliseconds. :func:`prepare` starts that server early, so that it warms up beside other work.
"""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import resource
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kpi_lib.reporting.svg import SvgClient
from kpi_lib.reporting.svg import serve as serve_svg

Output = dict[str, Any]

#: What a report notebook imports first. vl_convert is not among them: used before a fork it hangs the child.
PRELOAD = (
    "__main__",
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "sqlglot",
    "altair",
    "IPython.core.interactiveshell",
    "kpi_lib.reporting.shell",
    "kpi_lib.reporting.warm",
)


@dataclass(frozen=True)
class Limits:
    """What one notebook may take.

    Parameters
    ----------
    start_s
        Seconds until its process is ready.
    cell_s
        Seconds for one cell.
    total_s
        Seconds for the whole notebook.
    memory_mb
        Memory it may allocate beyond what it starts with.
    """

    start_s: float = 30
    cell_s: float = 60
    total_s: float = 180
    memory_mb: int = 2048


def prepare(preload: Sequence[str] = ()) -> None:
    """Start the warm server; returns at once, the server goes on loading.

    Parameters
    ----------
    preload
        Modules to load besides :data:`PRELOAD`; unknown ones are passed over.
    """
    forkserver.set_forkserver_preload([*PRELOAD, *preload])
    forkserver.ensure_running()


class Kernels:
    """Hands out processes for notebooks, and the one that draws their charts.

    A context manager: leaving it ends every process it started.
    """

    def __init__(self, limits: Limits, preload: Sequence[str] = ()) -> None:
        prepare(preload)
        self._context = multiprocessing.get_context("forkserver")
        self._limits = limits
        self._folder = tempfile.TemporaryDirectory(prefix="kpi-")
        self._live: set[Kernel] = set()
        self._svg = (str(Path(self._folder.name) / "svg"), secrets.token_bytes(16))
        self._painter = self._context.Process(target=serve_svg, args=self._svg, daemon=True)
        self._painter.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._painter.kill()
        self._painter.join()
        self._folder.cleanup()

    def stop(self) -> None:
        """End every notebook's process at once; whoever waits for one learns that it died."""
        for kernel in tuple(self._live):
            kernel.kill()

    def kernel(self, cwd: Path) -> Kernel:
        """Start a process for one notebook."""
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        kernel = Kernel(self._context, folder, cwd, self._limits, self._svg, self._live.discard)
        self._live.add(kernel)
        return kernel


class Kernel:
    """The parent's end of one notebook's process."""

    def __init__(
        self,
        context: Any,
        folder: Path,
        cwd: Path,
        limits: Limits,
        svg: tuple[str, bytes],
        forget: Any,
    ) -> None:
        self._limits = limits
        self._log = folder / "log"
        self._forget = forget
        self._deadline = time.monotonic() + limits.total_s
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_child, args=(theirs, folder, cwd, dict(os.environ), limits, svg), daemon=True
        )
        self._process.start()
        theirs.close()

    def start(self) -> Output | None:
        """Wait until the process is ready; return the failure, or None."""
        return self._receive(self._limits.start_s, "the process was not ready")[1]

    def run(self, source: str) -> tuple[list[Output], Output | None]:
        """Run a cell: its outputs, and the failure when there was one."""
        try:
            self._pipe.send_bytes(json.dumps(source).encode())
        except OSError:
            return [], self._died()
        return self._receive(self._limits.cell_s, "the cell still ran")

    def _receive(self, seconds: float, what: str) -> tuple[list[Output], Output | None]:
        left = self._deadline - time.monotonic()
        if not self._pipe.poll(max(0.0, min(seconds, left))):
            limit = f"{seconds:g} s" if seconds < left else f"{self._limits.total_s:g} s for the notebook"
            self.close()
            return [], _failure("Timeout", f"{what} after {limit}; its process was ended")
        try:
            outputs: list[Output] = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            return [], self._died()
        failed = [output for output in outputs if output["output_type"] == "error"]
        return [output for output in outputs if output not in failed], failed[0] if failed else None

    def _died(self) -> Output:
        self._process.join(5)
        code = self._process.exitcode
        self.close()
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            how = f"ended by itself with status {code}"
        memory = f"it may allocate {self._limits.memory_mb} MB"
        return _failure("ProcessDied", f"the notebook's process {how} ({memory})", self.log_lines())

    def log_lines(self, most: int = 6) -> list[str]:
        """Return the last lines that the process wrote past the cells' own streams."""
        with contextlib.suppress(OSError):
            return self._log.read_text(errors="replace").splitlines()[-most:]
        return []

    def kill(self) -> None:
        """End the process and everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def close(self) -> None:
        """End the process and let go of the pipe to it."""
        self.kill()
        self._process.join()
        self._pipe.close()
        self._forget(self)


def _failure(name: str, value: str, lines: Sequence[str] = ()) -> Output:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": list(lines)}


def _child(
    pipe: connection.Connection[Any, Any],
    folder: Path,
    cwd: Path,
    environment: dict[str, str],
    limits: Limits,
    svg: tuple[str, bytes],
) -> None:
    """Run cells as they come until the parent closes the pipe (in the notebook's own process)."""
    os.setsid()
    gc.freeze()  # what was inherited stays shared: no collection touches it
    # The kernel's own clock ends an overrunning process even when its parent is gone.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.total_s + 10)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)

    from kpi_lib.reporting import drawing, shell

    drawing.set_converter(SvgClient(*svg))
    python = shell.make_shell(folder)
    sys.stdout = shell.Stream(python.outputs, "stdout")
    sys.stderr = shell.Stream(python.outputs, "stderr")
    _limit_memory(limits.memory_mb)
    with contextlib.suppress(EOFError, BrokenPipeError):
        pipe.send_bytes(b"[]")
        while True:
            outputs = shell.run_cell(python, json.loads(pipe.recv_bytes()))
            try:
                answer = json.dumps(outputs, allow_nan=False)
            except (TypeError, ValueError) as error:
                answer = json.dumps([_failure(type(error).__name__, f"an output is not valid JSON: {error}")])
            pipe.send_bytes(answer.encode())


def _limit_memory(megabytes: int) -> None:
    """Let this process allocate so much more than it has now (Linux counts private writable memory)."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return
    have = next(int(row.split()[1]) for row in status.read_text().splitlines() if row.startswith("VmData"))
    limit = have * 1024 + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
