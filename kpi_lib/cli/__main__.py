"""``python -m kpi_lib.cli`` is ``kpi``."""

from kpi_lib.cli import main

main()
