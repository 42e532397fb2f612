"""Whether a night has anything to do, and whether an older date may go first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kpi_lib.pipeline.night_types import DomainRun, NightOptions
from kpi_lib.pipeline.store import DOMAIN_ERRORS, Store


def is_unchanged(
    published: Mapping[str, Any], options: NightOptions, domains: Iterable[DomainRun], code: str
) -> bool:
    """Whether a plain night would publish what is published: same sources, definitions, code and dates."""
    if options.force or options.full or options.only or options.limit:
        return False
    if published.get("kind") != "nightly" or published.get("code_version") != code:
        return False
    if published.get("partial", True) or published.get("failed"):
        return False
    if published.get("renderer_asked") != options.renderer:
        return False
    held = published["domains"]
    for item in domains:
        record = held.get(item.name)
        if item.error is not None or record is None or record.get("error"):
            return False
        if record.get("code_version") != code:
            return False
        if record["fingerprint"] != item.fingerprint:
            return False
        # Same fingerprint, same manifest: the watermark of the record is today's too.
        if str(options.as_of or record["watermark"]) != record["as_of"]:
            return False
    return True


def newest_comes_first(
    store: Store,
    published: Mapping[str, Any],
    options: NightOptions,
    domains: Iterable[DomainRun],
    code: str,
) -> bool:
    """Whether a date was asked for while sources, code or tables are not those of the last night's pages."""
    if options.as_of is None:
        return False
    if not store.agrees(published):
        return True
    for item in domains:
        record = published.get("domains", {}).get(item.name)
        if record is None or "as_of" not in record or str(options.as_of) >= record["as_of"]:
            continue
        if record.get("code_version") != code:
            return True
        look(store, item)
        if item.error is None and record["fingerprint"] != item.fingerprint:
            return True
    return False


def look(store: Store, item: DomainRun) -> None:
    """Note what a domain's sources are like now, or why they cannot be looked at: the others go on then."""
    if item.fingerprint or item.error is not None:
        return
    try:
        item.fingerprint = store.fingerprint(item.catalogue)
    except DOMAIN_ERRORS as error:
        item.error = error
