"""One warm process draws the charts of all notebooks: the first chart of a process costs twenty."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

Spec = dict[str, Any]
#: How long the first chart waits for the process that draws it.
START_S = 20.0


class SvgClient:
    """Draws Vega-Lite specifications in the warm process; connects when it is first used."""

    def __init__(self, address: str, key: bytes) -> None:
        self._address = address
        self._key = key
        self._connection: Connection[Any, Any] | None = None

    def __call__(self, spec: Spec) -> str:
        """Return the SVG of a specification."""
        if self._connection is None:
            self._connection = self._connect()
        self._connection.send_bytes(json.dumps(spec, allow_nan=False, default=str).encode())
        answer = json.loads(self._connection.recv_bytes())
        if "error" in answer:
            raise ValueError(answer["error"])
        return str(answer["svg"])

    def _connect(self) -> Connection[Any, Any]:
        """Connect, waiting for a drawing process that is still starting."""
        until = time.monotonic() + START_S
        while True:
            try:
                return Client(self._address, authkey=self._key)
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)


def serve(address: str, key: bytes) -> None:
    """Draw until the process is ended.

    Parameters
    ----------
    address
        Path of the socket to listen at.
    key
        The shared secret of parent and children.
    """
    from kpi_lib.reporting.drawing import to_svg

    turn = threading.Lock()
    with Listener(address, "AF_UNIX", backlog=32, authkey=key) as listener:
        while True:
            with contextlib.suppress(EOFError, ConnectionError):
                connection = listener.accept()
                threading.Thread(target=_answer, args=(connection, to_svg, turn), daemon=True).start()


def _answer(connection: Connection[Any, Any], draw: Callable[[Spec], str], turn: threading.Lock) -> None:
    with contextlib.suppress(EOFError, ConnectionError), connection:
        while True:
            spec = json.loads(connection.recv_bytes())
            try:
                with turn:
                    answer = {"svg": draw(spec)}
            except Exception as error:  # noqa: BLE001  (handed to the cell that asked, which fails by it)
                answer = {"error": f"{type(error).__name__}: {error}"}
            connection.send_bytes(json.dumps(answer).encode())
