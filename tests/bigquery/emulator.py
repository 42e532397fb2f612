"""The local BigQuery emulator: set up in an environment of its own, started, stopped.

`local-bigquery` needs Python 3.13 and another DuckDB than ours, so it never shares our environment.
``python -m tests.bigquery.emulator`` sets it up; the tests do so themselves where they need it.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("KPI_BIGQUERY_EMULATOR", ROOT / ".venv-bigquery"))
SERVER = "local-bigquery==0.4.0"
# The server asks for DuckDB 2, whose extensions are not on PyPI; it runs with the newest one whose are.
DUCKDB = "1.5.5"
EXTENSIONS = ("icu", "ducklake", "spatial")
PYTHON = (3, 13)
START_SECONDS = 60.0


class NoEmulatorError(Exception):
    """The emulator cannot be had here; the text says why."""


@dataclass(frozen=True)
class Running:
    """A running emulator."""

    host: str
    storage: str
    process: subprocess.Popen[bytes]
    log: Path


def find_python() -> str:
    """Return a Python that the emulator runs on."""
    name = ".".join(map(str, PYTHON))
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{name}.*/bin/python"))
    found = [sys.executable] if sys.version_info[:2] == PYTHON else []
    found += [path for path in (shutil.which(f"python{name}"), *map(str, pyenv)) if path]
    for candidate in found:
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True
        )
        if asked.stdout.decode().strip() == str(PYTHON):
            return candidate
    raise NoEmulatorError(f"the emulator needs Python {name}; there is none on the PATH nor in pyenv")


def set_up() -> None:
    """Install the emulator, once."""
    stamp = FOLDER / "ready"
    wanted = f"{SERVER} duckdb {DUCKDB}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    python = find_python()
    shutil.rmtree(FOLDER, ignore_errors=True)
    _run(python, "-m", "venv", str(FOLDER))
    pip = (str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, SERVER)
    _run(*pip, f"duckdb=={DUCKDB}", *(f"duckdb-extension-{name}=={DUCKDB}" for name in EXTENSIONS))
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    place = _home() / ".duckdb" / "extensions" / f"v{DUCKDB}" / f"{platform.system().lower()}_{machine}"
    place.mkdir(parents=True)
    for name in EXTENSIONS:
        (file,) = FOLDER.glob(
            f"lib/python*/site-packages/duckdb_extension_{name}/extensions/*/{name}.duckdb_extension"
        )
        (place / file.name).symlink_to(file)
    stamp.write_text(wanted)


@contextmanager
def running(data: Path) -> Iterator[Running]:
    """Start the emulator on free ports of this machine and stop it in the end."""
    port, grpc_port = _free_port(), _free_port()
    log = data / "server.log"
    data.mkdir(parents=True, exist_ok=True)
    command = [
        str(FOLDER / "bin" / "local-bigquery"), "--host", "127.0.0.1", "--port", str(port),
        "--grpc-port", str(grpc_port), "--project", "demo", "--data-dir", str(data / "tables"),
    ]  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, "HOME": str(_home())}
        )
    try:
        _wait(process, port, log)
        yield Running(f"127.0.0.1:{port}", f"127.0.0.1:{grpc_port}", process, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    address = f"http://127.0.0.1:{port}/bigquery/v2/projects/demo/datasets"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    raise NoEmulatorError(f"the emulator did not start:\n{log.read_text()[-2000:]}")


def _home() -> Path:
    return FOLDER / "home"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NoEmulatorError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    try:
        set_up()
    except NoEmulatorError as error:
        sys.exit(str(error))
    print(f"ready: {FOLDER}")
