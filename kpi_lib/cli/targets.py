"""``kpi targets``: list, set and look back on what the figures should reach."""

from __future__ import annotations

import getpass
import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from kpi_lib.cli.options import DomainName, SettingsFile, now
from kpi_lib.errors import DefinitionError, UsageError, did_you_mean

if TYPE_CHECKING:
    from kpi_lib.catalogue import Catalogue, Kpi, Settings
    from kpi_lib.catalogue.scorecard import Metric

targets_app = typer.Typer(name="targets", help="Targets: list, set, history.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@targets_app.command("list")
def list_targets(domain: DomainName = None, as_json: Json = False, settings: SettingsFile = None) -> None:
    """Show every target, checked against the definitions."""
    from kpi_lib.catalogue import load_catalogue, load_settings
    from kpi_lib.catalogue.targets import load_targets

    loaded = load_settings(settings)
    names = [domain] if domain else list(loaded.domains)
    catalogues = [load_catalogue(loaded.domain_folder(name)) for name in names]
    held = load_targets(loaded.targets, catalogues)
    shown = [target for target in held.targets if target.domain in names]
    if as_json:
        typer.echo(json.dumps([target.model_dump() for target in shown], indent=2))
        return
    for target in shown:
        typer.echo(
            f"{target.domain}  {target.metric}  {target.entity}  {target.period}  {target.target:,.10g}"
            f" {target.unit}  ({target.direction}; green {target.green:.0%}, amber {target.amber:.0%})"
        )
    if not shown:
        typer.echo(f"No targets in {loaded.targets}.", err=True)


@targets_app.command("set")
def set_one(
    metric: Annotated[str, typer.Argument(help="A metric's key or a KPI's code.")],
    period: Annotated[str, typer.Argument(help="FY2026, 2026, 2026-Q4 or 2026-11.")],
    value: Annotated[str, typer.Argument(help="As it is stored, e.g. 1.05 for 105 %; 'none' removes it.")],
    domain: DomainName = None,
    entity: Annotated[str, typer.Option(help="An entity's code.")] = "ALL",
    direction: Annotated[str | None, typer.Option(help="up or down; by default the definition's.")] = None,
    green: Annotated[float, typer.Option(help="On track from this share of what is expected.")] = 1.0,
    amber: Annotated[float, typer.Option(help="Just behind from this share.")] = 0.95,
    who: Annotated[str | None, typer.Option(help="Who changes it; by default you.")] = None,
    settings: SettingsFile = None,
) -> None:
    """Add, change or remove a target and remember who did it."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.catalogue.targets_write import make_target, set_target

    loaded = load_settings(settings)
    catalogue, item = _subject(loaded, domain, metric)
    key = (catalogue.domain, metric, entity, period)
    target = None
    if value.lower() != "none":
        target = make_target(
            catalogue, item, entity=entity, period=period, value=_number(value), direction=direction,
            green=green, amber=amber,
        )  # fmt: skip
    made = set_target(loaded.targets, catalogue, target, key=key, who=who or _me(), at=now())
    outcome = "removed" if target is None else f"{target.target:,.10g} {target.unit}"
    typer.echo(f"{' '.join(key[1:])}: {outcome}")
    typer.echo(f"{len(made.targets)} targets in {loaded.targets}; `kpi nightly` shows them.", err=True)


@targets_app.command()
def history(metric: str | None = None, as_json: Json = False, settings: SettingsFile = None) -> None:
    """Show who changed which target, when, from what to what."""
    from kpi_lib.catalogue import load_settings
    from kpi_lib.catalogue.targets import read_targets

    held = read_targets(load_settings(settings).targets)
    changes = [change for change in held.history if metric is None or change.metric == metric]
    if as_json:
        typer.echo(json.dumps([change.model_dump() for change in changes], indent=2))
        return
    for change in changes:
        old, new = (
            "none" if side is None else f"{side['target']:,.10g}" for side in (change.old, change.new)
        )
        place = f"{change.domain} {change.metric} {change.entity} {change.period}"
        typer.echo(f"{change.at}  {change.who}  {place}: {old} → {new}")


def _subject(loaded: Settings, domain: str | None, metric: str) -> tuple[Catalogue, Kpi | Metric]:
    """Return the domain that knows this metric or KPI, and what it is."""
    from kpi_lib.catalogue import load_catalogue
    from kpi_lib.catalogue.targets import subject, subjects

    names = [domain] if domain else list(loaded.domains)
    catalogues = [load_catalogue(loaded.domain_folder(name)) for name in names]
    found = [catalogue for catalogue in catalogues if metric in subjects(catalogue)]
    if len(found) > 1:
        where = ", ".join(catalogue.domain for catalogue in found)
        raise UsageError(f"'{metric}' is in several domains: {where}.", remedy="Name one with --domain.")
    if not found:
        known = [name for catalogue in catalogues for name in subjects(catalogue)]
        raise DefinitionError(f"There is no metric or KPI '{metric}'.", remedy=did_you_mean(metric, known))
    return found[0], subject(found[0], metric)


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "").replace("_", ""))
    except ValueError as error:
        raise UsageError(
            f"'{text}' is no number.", where="VALUE", remedy="Write it as 5000000 or 1.05, or 'none'."
        ) from error


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
