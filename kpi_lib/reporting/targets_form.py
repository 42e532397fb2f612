"""A small form in JupyterLab that lists a domain's targets and sets one."""

from __future__ import annotations

import datetime as dt
import getpass
from pathlib import Path
from typing import Any, Protocol

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.targets import read_targets, subjects, unit_of
from kpi_lib.catalogue.targets_write import make_target, set_target
from kpi_lib.errors import KpiError, UsageError


class _Reader(Protocol):
    @property
    def catalogue(self) -> Catalogue:
        """The domain's definitions."""

    @property
    def targets_path(self) -> Path | None:
        """Where the targets lie."""


def targets_form(wh: _Reader) -> Any:
    """Return a form (ipywidgets) that sets a target of an open warehouse's domain.

    Raises
    ------
    UsageError
        When ipywidgets is not installed, or there is no place for targets.
    """
    try:
        import ipywidgets as widgets
    except ImportError as error:
        raise UsageError(
            "The form needs ipywidgets.", remedy="Install it with `pip install 'kpi-lib[lab]'` or `make lab`."
        ) from error
    if wh.targets_path is None:
        raise UsageError("There is no kpi.toml, so there is no place for targets.")
    return _Form(widgets, wh.catalogue, wh.targets_path).box


class _Form:
    """The widgets and what they do; every rule is that of the file, not of the form."""

    def __init__(self, widgets: Any, catalogue: Catalogue, file: Path) -> None:
        self.catalogue = catalogue
        self.file = file
        self.known = subjects(catalogue)
        wide = {"description_width": "110px"}
        entities = [entity.code for entity in catalogue.entities] or ["ALL"]
        self.metric = widgets.Dropdown(options=list(self.known), description="Metric", style=wide)
        self.entity = widgets.Dropdown(options=entities, description="Entity", style=wide)
        self.period = widgets.Text(description="Period", placeholder="FY2026, 2026-11", style=wide)
        self.value = widgets.FloatText(description="Target", style=wide)
        self.unit = widgets.Label()
        self.green = widgets.FloatText(value=1.0, step=0.01, description="On track from", style=wide)
        self.amber = widgets.FloatText(value=0.95, step=0.01, description="Just behind from", style=wide)
        self.save = widgets.Button(description="Save", button_style="primary")
        self.message = widgets.HTML()
        self.shown = widgets.HTML()
        self.metric.observe(lambda _: self.tell_unit(), "value")
        self.save.on_click(lambda _: self.set())
        fields = [self.metric, self.entity, self.period, widgets.HBox([self.value, self.unit])]
        self.box = widgets.VBox([*fields, self.green, self.amber, self.save, self.message, self.shown])
        self.tell_unit()
        self.list()

    def tell_unit(self) -> None:
        """Say in which unit the target is written."""
        self.unit.value = unit_of(self.known[self.metric.value], self.catalogue.currency)

    def set(self) -> None:
        """Write the target; say what was wrong where it is refused."""
        try:
            target = make_target(
                self.catalogue, self.known[self.metric.value], entity=self.entity.value,
                period=self.period.value.strip(), value=self.value.value,
                green=self.green.value, amber=self.amber.value,
            )  # fmt: skip
            set_target(self.file, self.catalogue, target, who=getpass.getuser(), at=dt.datetime.now(dt.UTC))
        except KpiError as error:
            self.say(f"Not saved. {error}")
        else:
            self.say("Saved; the next night shows it.")
            self.list()

    def say(self, text: str) -> None:
        """Show a message under the button."""
        from kpi_lib.reporting.markup import text_html

        self.message.value = f"<p>{text_html(text)}</p>"

    def list(self) -> None:
        """Show the domain's targets."""
        from kpi_lib.reporting.markup import text_html

        rows = "".join(
            f"<tr><td>{text_html(item.metric)}</td><td>{text_html(item.entity)}</td>"
            f"<td>{text_html(item.period)}</td><td>{item.target:,.10g} {text_html(item.unit)}</td></tr>"
            for item in read_targets(self.file).of(self.catalogue.domain)
        )
        self.shown.value = f"<table>{rows}</table>" if rows else "<p>No targets yet.</p>"
