"""The rules that a domain's definitions must keep, each reported with file, key and remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kpi_lib.catalogue.models import Catalogue, Entity, Kpi
from kpi_lib.errors import did_you_mean


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in the definitions; a warning is a thing to look at, which stops nothing."""

    file: str
    key: str
    what: str
    remedy: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Return the problem as one line."""
        place = f"{self.file}: {self.key}" if self.key else self.file
        kind = "warning: " if self.severity == "warning" else ""
        return f"{place}: {kind}{self.what}{' ' + self.remedy if self.remedy else ''}"


def check_definitions(catalogue: Catalogue) -> list[Problem]:
    """Return every broken rule of a catalogue."""
    return [
        *_check_names(catalogue),
        *_check_kpis(catalogue),
        *_check_entities(catalogue),
        *_check_references(catalogue),
    ]


def _check_names(catalogue: Catalogue) -> Iterator[Problem]:
    folder = catalogue.folder
    named: list[tuple[str, str, list[object]]] = [
        ("kpis.toml", "id", [kpi.id for kpi in catalogue.kpis]),
        ("kpis.toml", "code", [kpi.code for kpi in catalogue.kpis]),
        ("entities.csv", "id", [entity.id for entity in catalogue.entities]),
        ("entities.csv", "code", [entity.code for entity in catalogue.entities]),
        ("domain.toml", "windows", [window.name for window in catalogue.windows]),
        ("domain.toml", "comparisons", [item.name for item in catalogue.comparisons]),
        ("domain.toml", "groups", [group.code for group in catalogue.groups]),
        ("domain.toml", "reports", [report.name for report in catalogue.reports]),
        ("sources.toml", "sources", [f"{source.layer}.{source.name}" for source in catalogue.sources]),
    ]
    for file, key, values in named:
        for value, count in Counter(values).items():
            if count > 1:
                yield Problem(
                    str(folder / file), key, f"'{value}' is used {count} times.", "Give each one its own."
                )


def _check_kpis(catalogue: Catalogue) -> Iterator[Problem]:
    file = str(catalogue.folder / "kpis.toml")
    if not catalogue.kpis and not catalogue.has_scorecard:
        yield Problem(file, "", "no KPI is defined.")
    groups = [group.code for group in catalogue.groups]
    for kpi in catalogue.kpis:
        if kpi.group not in groups:
            yield Problem(
                file,
                f"{kpi.code}.group",
                f"there is no group '{kpi.group}'.",
                did_you_mean(kpi.group, groups),
            )
        yield from _check_kind(file, kpi)
        yield from _check_terms(file, kpi, catalogue)


def _check_kind(file: str, kpi: Kpi) -> Iterator[Problem]:
    if kpi.kind == "ratio":
        for side in ("numerator", "denominator"):
            if getattr(kpi, side) is None:
                yield Problem(
                    file, f"{kpi.code}.{side}", f"a ratio needs a {side}.", "Name a column of the mart."
                )
        if kpi.column is not None:
            yield Problem(
                file, f"{kpi.code}.column", "a ratio is computed from its two sides, not read.", "Remove it."
            )
    else:
        for side in ("numerator", "denominator"):
            if getattr(kpi, side) is not None:
                yield Problem(
                    file, f"{kpi.code}.{side}", f"a '{kpi.kind}' has no {side}.", 'Use kind = "ratio".'
                )
    if (kpi.format == "percent") != (kpi.unit is not None):
        yield Problem(
            file,
            f"{kpi.code}.unit",
            "a percent, and only a percent, says how it is stored.",
            'Write unit = "fraction" (1.05) or unit = "points" (3.5) with format = "percent".',
        )


def _check_terms(file: str, kpi: Kpi, catalogue: Catalogue) -> Iterator[Problem]:
    codes = {item.code: item for item in catalogue.kpis}
    if (
        kpi.kind == "sum"
        and kpi.terms
        and all(code in codes and codes[code].kind == "last" for code in kpi.terms)
    ):
        yield Problem(
            file,
            f"{kpi.code}.kind",
            "it is made of stocks, so it is a stock, not a sum.",
            'Use kind = "last", and leave terms out: identities hold between sums only.',
        )
        return
    for code in kpi.terms:
        if code not in codes:
            yield Problem(file, f"{kpi.code}.terms", f"there is no KPI '{code}'.", did_you_mean(code, codes))
        elif codes[code].kind != "sum" or kpi.kind != "sum":
            yield Problem(
                file,
                f"{kpi.code}.terms",
                f"'{code}' cannot be a term: an identity holds between sums only.",
                "A stock or a ratio does not add up over days.",
            )
    if _leads_to(kpi.code, kpi.code, codes, set()):
        yield Problem(file, f"{kpi.code}.terms", "the identity refers back to itself.")


def _leads_to(start: str, target: str, codes: dict[str, Kpi], seen: set[str]) -> bool:
    for code in codes[start].terms if start in codes else ():
        if code == target:
            return True
        if code not in seen and _leads_to(code, target, codes, seen | {code}):
            return True
    return False


def _check_entities(catalogue: Catalogue) -> Iterator[Problem]:
    file = str(catalogue.folder / "entities.csv")
    by_code = {entity.code: entity for entity in catalogue.entities}
    if catalogue.kpis and 0 not in {entity.id for entity in catalogue.entities}:
        yield Problem(file, "id", "the row with id 0, the whole, is missing.", "Add 0,ALL,….")
    for entity in catalogue.entities:
        if entity.parent and entity.parent not in by_code:
            yield Problem(
                file,
                f"{entity.code}.parent",
                f"there is no entity '{entity.parent}'.",
                did_you_mean(entity.parent, by_code),
            )
        if _in_cycle(entity, by_code):
            yield Problem(file, f"{entity.code}.parent", "the parents form a circle.")
        if entity.opened and entity.closed and entity.closed < entity.opened:
            yield Problem(file, f"{entity.code}.closed", f"{entity.closed} is before opened {entity.opened}.")


def _in_cycle(entity: Entity, by_code: dict[str, Entity]) -> bool:
    seen = {entity.code}
    current = entity
    while current.parent in by_code:
        current = by_code[current.parent]
        if current.code in seen:
            return True
        seen.add(current.code)
    return False


def _check_references(catalogue: Catalogue) -> Iterator[Problem]:
    file = str(catalogue.folder / "domain.toml")
    codes = [kpi.code for kpi in catalogue.kpis]
    named: Iterable[tuple[str, tuple[str, ...]]] = (
        ("headline", (catalogue.headline,) if catalogue.headline else ()),
        ("cards", catalogue.cards),
        ("contributions", catalogue.contributions),
    )
    for key, values in named:
        for code in values:
            if code not in codes:
                yield Problem(file, key, f"there is no KPI '{code}'.", did_you_mean(code, codes))
    yield from _check_events(file, catalogue)
    for comparison in catalogue.comparisons:
        if comparison.kind == "target":
            yield Problem(
                file,
                f"comparisons[{comparison.name}]",
                "tables do not keep a comparison with targets, which change while facts stay.",
                "Ask for it where it is needed: kpi.rollup(…, comparisons=['prior_year', 'target']).",
            )
    for model in catalogue.models:
        if not (catalogue.folder / "sql" / model.sql).is_file():
            yield Problem(file, f"models[{model.table}].sql", f"there is no file sql/{model.sql}.")
    for source in catalogue.sources:
        columns = [column.name for column in source.columns]
        for column in (*source.key, *((source.date_column,) if source.date_column else ())):
            if column not in columns:
                yield Problem(
                    str(catalogue.folder / "sources.toml"),
                    f"{source.name}.key",
                    f"there is no column '{column}'.",
                    did_you_mean(column, columns),
                )


def _check_events(file: str, catalogue: Catalogue) -> Iterator[Problem]:
    distinct = [kpi.code for kpi in catalogue.kpis if kpi.kind == "distinct"]
    tables = [model.table for model in catalogue.models]
    if distinct and not catalogue.events:
        yield Problem(
            file,
            "events",
            f"'{distinct[0]}' is a distinct count, which is counted from events, and none are named.",
            'Name the model that has them: events = "mart.…" (date_key, kpi_id, entity_id, member_id).',
        )
    if catalogue.events and catalogue.events not in tables:
        yield Problem(
            file, "events", f"no model makes '{catalogue.events}'.", did_you_mean(catalogue.events, tables)
        )
    if catalogue.events and not distinct:
        yield Problem(file, "events", "no KPI is a distinct count.", "Leave it out.")
