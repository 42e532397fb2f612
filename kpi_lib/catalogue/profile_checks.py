"""What is wrong with the profiles of ``kpi.toml``, one by one and beside one another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.profiles import OWN_LAYERS, BigQueryProfile
from kpi_lib.catalogue.settings import FILE, Settings
from kpi_lib.errors import did_you_mean

#: Two profiles that may differ in the names of their datasets alone.
TWINS = ("sandbox", "prod")
_MAY_DIFFER = {"datasets"}


def check_profiles(settings: Settings, catalogues: Sequence[Catalogue] = ()) -> list[Problem]:
    """Return every problem of the profiles.

    Parameters
    ----------
    settings
        From ``kpi.toml``.
    catalogues
        The domains that would run there: their datasets must not fall together.
    """
    file = str(settings.root / FILE)
    problems = []
    if settings.default_profile not in settings.profiles:
        problems.append(
            Problem(
                file, "default_profile", f"There is no profile '{settings.default_profile}'.",
                did_you_mean(settings.default_profile, settings.profiles),
            )
        )  # fmt: skip
    clouds = {name: item for name, item in settings.profiles.items() if isinstance(item, BigQueryProfile)}
    for name, profile in clouds.items():
        problems += _check_one(file, name, profile, catalogues)
    if all(name in clouds for name in TWINS):
        problems += _check_twins(file, clouds)
    for pair in itertools.combinations(clouds, 2):
        problems += _check_pair(file, pair, clouds, catalogues)
    return problems


def check_profile(settings: Settings, name: str, catalogues: Sequence[Catalogue]) -> list[Problem]:
    """Return what is wrong with one BigQuery profile, by itself and beside each of the others."""
    file = str(settings.root / FILE)
    clouds = {key: item for key, item in settings.profiles.items() if isinstance(item, BigQueryProfile)}
    problems = list(_check_one(file, name, clouds[name], catalogues))
    for other in clouds:
        if other != name:
            problems += _check_pair(file, (name, other), clouds, catalogues)
    return problems


def layers_of(catalogue: Catalogue) -> set[str]:
    """Return the logical layers that a domain uses on BigQuery."""
    return {"raw", *OWN_LAYERS, *(source.layer for source in catalogue.sources)}


def _check_one(
    file: str, name: str, profile: BigQueryProfile, catalogues: Sequence[Catalogue]
) -> Iterator[Problem]:
    key = f"profiles.{name}"
    if profile.byte_budget < profile.maximum_bytes_billed:
        yield Problem(
            file, f"{key}.byte_budget",
            f"A run may read less ({profile.byte_budget.human_readable()}) than one of its queries "
            f"({profile.maximum_bytes_billed.human_readable()}).",
            "Make it at least maximum_bytes_billed.",
        )  # fmt: skip
    if profile.key_file is not None and not profile.key_file.is_file():
        yield Problem(
            file, f"{key}.key_file", f"The key file {profile.key_file} is not here.",
            "Put it there, or remove the key to use Application Default Credentials.", "warning",
        )  # fmt: skip
    writers: dict[str, str] = {}
    for catalogue in catalogues:
        domain = catalogue.domain
        layers = profile.layers(domain, layers_of(catalogue))
        sources = {dataset for layer, dataset in layers.items() if layer not in OWN_LAYERS}
        for layer in OWN_LAYERS:
            dataset = layers[layer]
            place = f"{key}.datasets.{layer}"
            if dataset in sources:
                yield Problem(
                    file, place, f"'{dataset}' holds sources of {domain}; a run would write beside them.",
                    "Name a dataset of its own: sources are only read.",
                )  # fmt: skip
            if layer == "staging" and dataset in {layers[other] for other in OWN_LAYERS if other != layer}:
                yield Problem(
                    file, place, f"'{dataset}' is published too: what is under way would be seen.",
                    "Name a dataset for staging alone.",
                )  # fmt: skip
            owner = writers.setdefault(dataset, domain)
            if owner != domain:
                yield Problem(
                    file, place, f"'{dataset}' is written by {owner} and by {domain}, under the same names.",
                    f"Write {{domain}} in the name, or give {domain} its own in [{key}.datasets.{domain}].",
                )  # fmt: skip


def _check_twins(file: str, clouds: Mapping[str, BigQueryProfile]) -> Iterator[Problem]:
    first, second = (clouds[name] for name in TWINS)
    fields = [name for name in BigQueryProfile.model_fields if name not in _MAY_DIFFER]
    unlike = [name for name in fields if getattr(first, name) != getattr(second, name)]
    if unlike:
        yield Problem(
            file, f"profiles.{TWINS[0]}",
            f"It differs from '{TWINS[1]}' in more than dataset names: {', '.join(unlike)}.",
            "What runs in one is then no proof for the other.", "warning",
        )  # fmt: skip


def _check_pair(
    file: str, names: tuple[str, str], clouds: Mapping[str, BigQueryProfile], catalogues: Sequence[Catalogue]
) -> Iterator[Problem]:
    first, second = (clouds[name] for name in names)
    if first.project != second.project:
        return
    for catalogue, other in itertools.product(catalogues, catalogues):
        own = set(first.own_datasets(catalogue.domain).values())
        shared = sorted(own & set(second.own_datasets(other.domain).values()))
        if shared:
            yield Problem(
                file, f"profiles.{names[0]}.datasets",
                f"It would write where '{names[1]}' writes: {', '.join(shared)}.",
                "Give each profile datasets of its own.",
            )  # fmt: skip
