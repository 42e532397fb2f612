"""papermill's engine: papermill prepares and records the notebook, an isolated process runs its cells."""

from __future__ import annotations

from typing import Any

from papermill.engines import Engine, papermill_engines

from kpi_lib.reporting.kernel import Kernel

NAME = "kpi-isolated"
#: Cells that no reader may see: nbconvert and Quarto both leave them out.
HIDDEN = frozenset({"parameters", "injected-parameters"})


class IsolatedEngine(Engine):  # type: ignore[misc]
    """Runs the cells in the process it is given; a failure becomes the cell's error output.

    papermill finds that output, keeps the notebook and raises ``PapermillExecutionError``.
    """

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, kernel: Kernel, **options: Any
    ) -> None:
        """Run every code cell until one fails.

        Parameters
        ----------
        nb_man
            papermill's manager of the notebook.
        kernel_name
            Not used: the process is already there.
        kernel
            The notebook's process.
        **options
            papermill's own options, not used.
        """
        _hide_parameters(nb_man.nb)
        failure = kernel.start()
        for index, cell in enumerate(nb_man.nb.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            nb_man.cell_start(cell, index)
            outputs: list[dict[str, Any]] = []
            if failure is None:
                outputs, failure = kernel.run(cell.source)
            _keep(cell, [*outputs, failure] if failure else outputs, index)
            if failure is not None:
                nb_man.cell_exception(cell, index)
            nb_man.cell_complete(cell, index)
            if failure is not None:
                return


def _keep(cell: Any, outputs: list[dict[str, Any]], index: int) -> None:
    from nbformat import from_dict

    cell.outputs = [from_dict(output) for output in outputs]
    cell.execution_count = index + 1
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.execution_count = cell.execution_count


def _hide_parameters(notebook: Any) -> None:
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", ()))
        if tags & HIDDEN:
            cell.metadata["tags"] = sorted(tags | {"remove-cell"})


def register() -> str:
    """Make the engine known to papermill and return its name."""
    papermill_engines.register(NAME, IsolatedEngine)
    return NAME
