"""Run cells in IPython and keep their outputs in nbformat's shape (imported in child processes)."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

Output = dict[str, Any]
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Outputs:
    """The outputs of the running cell, in the order in which they came."""

    def __init__(self, most_characters: int) -> None:
        self.items: list[Output] = []
        self._most = most_characters
        self._left = most_characters
        self._by_display_id: dict[str, list[Output]] = {}

    def start_cell(self) -> None:
        """Forget the last cell."""
        self.items = []
        self._left = self._most

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise MemoryError(f"the outputs of one cell may hold {self._most:,} characters")

    def stream(self, name: str, text: str) -> None:
        """Add text that was printed."""
        self._spend(len(text))
        if self.items and self.items[-1].get("name") == name:
            self.items[-1]["text"] += text
        else:
            self.items.append({"output_type": "stream", "name": name, "text": text})

    def rich(self, data: Output, metadata: Output | None, count: int | None = None) -> Output:
        """Add a displayed object, or with a count a result, and return the output."""
        shown = {
            mime: base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
            for mime, value in data.items()
        }
        self._spend(sum(len(value) for value in shown.values() if isinstance(value, str)))
        output: Output = {"output_type": "display_data", "data": shown, "metadata": dict(metadata or {})}
        if count is not None:
            output |= {"output_type": "execute_result", "execution_count": count}
        self.items.append(output)
        return output

    def publish(self, data: Output, metadata: Output | None, display_id: str | None, update: bool) -> None:
        """Add a displayed object, or put it in place of the one with the same id."""
        if update and display_id in self._by_display_id:
            kept = self.items
            self.items = []
            new = self.rich(data, metadata)
            self.items = kept
            for output in self._by_display_id[display_id]:
                output["data"], output["metadata"] = new["data"], new["metadata"]
            return
        output = self.rich(data, metadata)
        if display_id:
            self._by_display_id.setdefault(display_id, []).append(output)

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        """Add a failure."""
        self.items.append({"output_type": "error", "ename": name, "evalue": value, "traceback": traceback})


class Stream(io.TextIOBase):
    """``sys.stdout`` and ``sys.stderr`` of the cells."""

    encoding = "utf-8"

    def __init__(self, outputs: Outputs, name: str) -> None:
        super().__init__()
        self._outputs = outputs
        self._name = name

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Add to the cell's outputs."""
        if text:
            self._outputs.stream(self._name, text)
        return len(text)


class _Hook(DisplayHook):  # type: ignore[misc]
    def write_output_prompt(self) -> None:
        """Write nothing: the count is part of the output."""

    def write_format_data(self, format_dict: Output, md_dict: Output | None = None) -> None:
        self.shell.outputs.rich(format_dict, md_dict, self.shell.execution_count)

    def log_output(self, format_dict: Output) -> None:
        """Keep no history."""

    def finish_displayhook(self) -> None:
        self._is_active = False


class _Publisher(DisplayPublisher):  # type: ignore[misc]
    def publish(self, data: Output, metadata: Output | None = None, **options: Any) -> None:
        display_id = (options.get("transient") or {}).get("display_id")
        self.shell.outputs.publish(data, metadata, display_id, bool(options.get("update")))

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.items.clear()


class ReportShell(InteractiveShell):  # type: ignore[misc]
    """IPython without terminal, history or files of its own."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)
    outputs: Outputs

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.outputs.error(etype.__name__, _ANSI.sub("", str(evalue)), [_ANSI.sub("", line) for line in stb])


def make_shell(folder: Path, most_characters: int = 20_000_000) -> ReportShell:
    """Return a shell whose only files are in ``folder``."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Context"
    shell: ReportShell = ReportShell.instance(config=config, ipython_dir=str(folder))
    shell.outputs = Outputs(most_characters)
    return shell


def run_cell(shell: ReportShell, source: str) -> list[Output]:
    """Run one cell and return its outputs; a failure is the last of them, as an ``error`` output.

    ``sys.exit(0)`` is a failure too: a report has to reach its last cell.
    """
    shell.outputs.start_cell()
    result = shell.run_cell(source, store_history=True)
    outputs = shell.outputs.items
    if not result.success and not any(output["output_type"] == "error" for output in outputs):
        problem = result.error_before_exec or result.error_in_exec
        shell.outputs.error(type(problem).__name__, str(problem), [])
    for output in outputs:
        if output.get("ename") == "MemoryError" and not output["evalue"]:
            output["evalue"] = "the memory limit of the notebook was reached"
        if output.get("ename") == "SystemExit":
            output["evalue"] = f"the cell ended its process (status {output['evalue'] or 0})"
    return outputs
