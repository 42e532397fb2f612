"""Notebooks that cannot lie: parameters, isolation, limits, the completion token."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kpi_lib.errors import DefinitionError, UsageError
from kpi_lib.reporting.parameters import check_notebook
from kpi_lib.reporting.runner import Limits, NotebookJob, NotebookResult, run_notebooks
from tests.reporting_notebooks import write_notebook

ROOT = Path(__file__).resolve().parents[2]


def job(path: Path, **parameters: Any) -> NotebookJob:
    return NotebookJob("report", f"winery/{path.stem}.html", path, parameters, path.stem)


def run_one(path: Path, limits: Limits | None = None, **parameters: Any) -> NotebookResult:
    return run_notebooks([job(path, **parameters)], path.parent / "out", limits=limits)[0]


def test_outputs_arrive_in_order_and_in_nbformats_shape(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "ok.ipynb",
        "from IPython.display import HTML, Markdown, display\n"
        "print('first')\ndisplay(HTML('<b>second</b>'))\nprint('third')\n(limit, as_of)",
        "import warnings\nwarnings.warn('only for the log')",
        "handle = display(Markdown('old'), display_id=True)\nhandle.update(Markdown('new'))",
    )
    result = run_one(path, limit=7, as_of="2026-11-20")
    assert result.ok and result.error is None and result.path is not None
    assert result.path == tmp_path / "out" / "winery" / "ok.ipynb"
    notebook = nbformat.read(result.path, as_version=4)
    nbformat.validate(notebook)
    shown = notebook.cells[2].outputs
    assert [output.output_type for output in shown] == ["stream", "display_data", "stream", "execute_result"]
    assert shown[1].data["text/html"] == "<b>second</b>"
    assert shown[3].data["text/plain"] == "(7, '2026-11-20')"
    assert [output.get("name") for output in notebook.cells[3].outputs] == ["stderr"]
    assert notebook.cells[4].outputs[0].data["text/markdown"] == "new"
    assert notebook.metadata.papermill.parameters == {"limit": 7, "as_of": "2026-11-20"}


def test_the_reader_never_sees_the_parameters(tmp_path: Path) -> None:
    result = run_one(write_notebook(tmp_path / "n.ipynb", "1"), limit=4)
    assert result.path is not None
    cells = nbformat.read(result.path, as_version=4).cells
    hidden = [cell.metadata.tags for cell in cells[:2]]
    assert hidden == [["parameters", "remove-cell"], ["injected-parameters", "remove-cell"]]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x ==", "SyntaxError"),
        ("import sys; sys.exit(0)", "ended its process"),
        ("raise SystemExit", "ended its process"),
        ("import os; os._exit(0)", "ended by itself with status 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("while True: pass", "still ran after 1 s"),
        ("import time; time.sleep(60)", "still ran after 1 s"),
        ("x = bytearray(2 * 2**30)", "memory limit"),
        ("print('x' * 30_000_000)", "characters"),
        (
            "from IPython.display import display\ndisplay({'application/json': float('nan')}, raw=True)",
            "not valid JSON",
        ),
    ],
)
def test_a_failure_is_never_a_page(tmp_path: Path, cell: str, says: str) -> None:
    path = write_notebook(tmp_path / "bad.ipynb", "before = 1", cell)
    result = run_one(path, Limits(cell_s=1, memory_mb=1024), limit=2)
    assert not result.ok and result.error is not None
    assert says in str(result.error)
    assert f"{path}, cell 3" in str(result.error)
    assert result.error.exit_code == 1
    assert result.path == tmp_path / "out" / "winery" / "bad.failed.ipynb" and result.path.is_file()
    assert not (tmp_path / "out" / "winery" / "bad.ipynb").exists()
    assert not list(tmp_path.rglob("*.partial*"))


def test_the_cell_number_is_that_of_the_file_without_parameters_too(tmp_path: Path) -> None:
    result = run_one(write_notebook(tmp_path / "bad.ipynb", "1", "raise ValueError('no such thing')"))
    assert "cell 3" in str(result.error) and "ValueError: no such thing" in str(result.error)


def test_only_the_token_counts_as_the_end(tmp_path: Path) -> None:
    without = write_notebook(tmp_path / "without.ipynb", "1", done=False)
    early = write_notebook(tmp_path / "early.ipynb", "print('kpi-complete')", "2", done=False)
    for path in (without, early):
        result = run_one(path)
        assert "without its completion token" in str(result.error)
        assert result.path is not None and result.path.name == f"{path.stem}.failed.ipynb"


def test_the_notebook_as_a_whole_has_a_limit(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "slow.ipynb", *["import time; time.sleep(0.6)"] * 5)
    started = time.monotonic()
    result = run_one(path, Limits(cell_s=30, total_s=1.5))
    assert "1.5 s for the notebook" in str(result.error)
    assert time.monotonic() - started < 10


def test_what_a_killed_notebook_started_is_killed_too(tmp_path: Path) -> None:
    cell = (
        "import subprocess, pathlib\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\nwhile True: pass"
    )
    run_one(write_notebook(tmp_path / "bad.ipynb", cell), Limits(cell_s=1))
    pid = int((tmp_path / "pid").read_text())
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists() or "zombie" in Path(f"/proc/{pid}/status").read_text():
            break
        time.sleep(0.1)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail("the notebook's own child outlived it")


def test_one_failing_report_does_not_stop_the_others(tmp_path: Path) -> None:
    paths = [
        write_notebook(tmp_path / "a.ipynb", "1 / 0"),
        write_notebook(tmp_path / "b.ipynb", "2"),
        tmp_path / "missing.ipynb",
        write_notebook(tmp_path / "c.ipynb", "3"),
    ]
    seen: list[str] = []
    results = run_notebooks(
        [job(path) for path in paths],
        tmp_path / "out",
        workers=2,
        on_done=lambda result: seen.append(result.job.report),
    )
    assert [result.ok for result in results] == [False, True, False, True]
    assert [result.job.notebook for result in results] == paths
    assert len(seen) == 4
    assert "does not exist" in str(results[2].error)


def test_notebooks_share_nothing_with_each_other_or_with_the_caller(tmp_path: Path) -> None:
    here = Path.cwd()
    leave = "import os, builtins\nbuiltins.left_behind = 1\nos.environ['LEFT'] = '1'\nos.chdir('/')"
    look = "import os, builtins\nassert not hasattr(builtins, 'left_behind') and 'LEFT' not in os.environ"
    first = write_notebook(tmp_path / "first.ipynb", leave)
    second = write_notebook(tmp_path / "second.ipynb", look, "print(os.getcwd())")
    inside = NotebookJob("r", "winery/second.html", second, {}, "t", cwd=tmp_path)
    results = run_notebooks([job(first), inside], tmp_path / "out", workers=1)
    assert [result.error for result in results] == [None, None]
    assert Path.cwd() == here and "LEFT" not in os.environ
    assert results[1].path is not None and str(tmp_path) in results[1].path.read_text()


def test_charts_are_drawn_by_the_one_warm_process(tmp_path: Path) -> None:
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"a": 1, "b": 2}]},
        "mark": "bar",
        "encoding": {"x": {"field": "a", "type": "ordinal"}, "y": {"field": "b", "type": "quantitative"}},
    }
    cell = (
        "import json, sys\nfrom kpi_lib.reporting import drawing\n"
        f"svg = drawing.draw(json.loads({json.dumps(spec)!r}))\n"
        "assert svg.startswith('<svg')\nassert 'vl_convert' not in sys.modules"
    )
    wrong = "from kpi_lib.reporting import drawing\ndrawing.draw({'mark': 'no such mark'})"
    results = run_notebooks(
        [
            job(write_notebook(tmp_path / "good.ipynb", cell, cell)),
            job(write_notebook(tmp_path / "bad.ipynb", wrong)),
        ],
        tmp_path / "out",
    )
    assert results[0].error is None
    assert "cell 2" in str(results[1].error)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"limti": 3}, "Did you mean 'limit'?"),
        ({"limit = 0; import os #": 3}, "does not know this parameter"),
        ({"limit": "3"}, "is str; the notebook's default is int"),
        ({"limit": True}, "is bool"),
        ({"open_only": 1}, "is int"),
        ({"share": float("nan")}, "not a finite number"),
        ({"as_of": "20 Nov 2026"}, "YYYY-MM-DD"),
        ({"domain": ["winery"]}, "list is not text"),
    ],
)
def test_parameters_are_checked_before_anything_runs(
    tmp_path: Path, parameters: dict[str, Any], says: str
) -> None:
    path = write_notebook(tmp_path / "n.ipynb", "open('ran', 'w')")
    with pytest.raises(UsageError, match=says.replace("?", r"\?")):
        check_notebook(path, parameters)
    result = run_notebooks([NotebookJob("r", "n.html", path, parameters)], tmp_path / "out")[0]
    assert isinstance(result.error, UsageError) and result.path is None


def test_a_date_object_is_refused_with_the_text_to_pass(tmp_path: Path) -> None:
    import datetime as dt

    path = write_notebook(tmp_path / "n.ipynb")
    with pytest.raises(UsageError, match="Pass '2026-11-20'"):
        check_notebook(path, {"as_of": dt.date(2026, 11, 20)})  # type: ignore[dict-item]


def test_text_is_only_ever_text(tmp_path: Path) -> None:
    evil = '"; raise RuntimeError("ran") #\n\\ {domain} é 😀'
    result = run_one(write_notebook(tmp_path / "n.ipynb", "print(ascii(domain))"), domain=evil)
    assert result.error is None and result.path is not None
    printed = nbformat.read(result.path, as_version=4).cells[2].outputs[0].text
    assert printed.strip() == ascii(evil)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (None, "has 0 cells tagged"),
        ("import os", "no plain assignment"),
        ("as_of = today()", "more than literals"),
        ("a = b = 1", "no plain assignment"),
        ("x.y = 1", "no plain name"),
        ("as_of = ", "more than literals"),
    ],
)
def test_a_notebook_needs_one_cell_of_literals(tmp_path: Path, parameters: str | None, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        check_notebook(write_notebook(tmp_path / "n.ipynb", parameters=parameters), {})


def test_two_parameter_cells_are_one_too_many(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}))
    path.write_text(nbformat.writes(notebook))
    with pytest.raises(DefinitionError, match="has 2 cells tagged"):
        check_notebook(path, {})


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5}'])
def test_a_file_that_is_no_notebook(tmp_path: Path, text: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(text)
    with pytest.raises(DefinitionError):
        check_notebook(path, {})


def test_pages_are_plain_relative_paths_and_unique(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "n.ipynb")
    for page in ("../up.html", "/abs.html", "a b.html", "a.txt", "A.html", "a//b.html"):
        with pytest.raises(UsageError, match="not a page's path"):
            run_notebooks([NotebookJob("r", page, path)], tmp_path)
    with pytest.raises(UsageError, match="2 reports would be written"):
        run_notebooks([NotebookJob("r", "a.html", path)] * 2, tmp_path)
    with pytest.raises(UsageError, match="At least one"):
        run_notebooks([], tmp_path, workers=0)


def test_odd_folder_names_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "a {domain} b"
    result = run_one(write_notebook(folder / "n.ipynb"), domain="other")
    assert result.error is None and result.path == folder / "out" / "winery" / "n.ipynb"


def test_a_folder_that_cannot_be_written_is_a_failed_report(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    result = run_one(write_notebook(tmp_path / "n.ipynb"))
    assert "could not be written" in str(result.error)


def test_no_process_is_left_when_the_caller_is_interrupted(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "n.ipynb",
        f"import os, time, pathlib\npathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)",
    )
    script = tmp_path / "night.py"
    # What runs in the background of a shell is told to ignore the keys, and so are its children.
    script.write_text(
        "import signal\nfrom pathlib import Path\nfrom kpi_lib.reporting.runner import *\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"    job = NotebookJob('r', 'n.html', Path({str(path)!r}))\n"
        f"    run_notebooks([job], Path({str(tmp_path / 'out')!r}))\n"
    )
    said = (tmp_path / "stderr").open("w+")
    night = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", str(script)],
        stderr=said,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    for _ in range(1200):
        if (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.1)
    else:
        night.kill()
        pytest.fail(f"the notebook did not begin:\n{(tmp_path / 'stderr').read_text()[-6000:]}")
    night.send_signal(signal.SIGINT)
    try:
        night.wait(60)
    except subprocess.TimeoutExpired:
        night.send_signal(signal.SIGABRT)
        night.wait()
        pytest.fail(f"the run did not end:\n{(tmp_path / 'stderr').read_text()[-6000:]}")
    said.close()
    code = night.returncode
    assert code != 0
    pid = (tmp_path / "pid").read_text()
    for _ in range(50):
        if not Path("/proc", pid).exists():
            return
        time.sleep(0.1)
    pytest.fail("the notebook's process outlived the run")


def test_the_warm_server_can_rehearse_and_draws_nothing() -> None:
    script = (
        "import sys\nfrom kpi_lib.reporting import warm\nwarm.rehearse()\n"
        "assert 'kpi_lib.reporting.display' in sys.modules and 'vl_convert' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_one_notebook_after_another_takes_a_fraction_of_a_second(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "n.ipynb", "import pandas as pd, altair, duckdb\npd.DataFrame({'a': [1]})"
    )
    jobs = [NotebookJob("r", f"n{number}.html", path) for number in range(9)]
    results = run_notebooks(jobs, tmp_path / "out", workers=1)
    later = sorted(result.seconds for result in results[1:])
    assert all(result.ok for result in results)
    # Importing these three anew takes more than a second; forked they are there already.
    assert later[len(later) // 2] < 1
