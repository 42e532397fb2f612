"""Which role holds a BigQuery permission that a message names."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Permission → the smallest predefined role that holds it, and where to grant it.
ROLES: dict[str, tuple[str, str]] = {
    "bigquery.jobs.create": ("roles/bigquery.jobUser", "project"),
    "bigquery.readsessions.create": ("roles/bigquery.readSessionUser", "project"),
    "bigquery.datasets.create": ("roles/bigquery.user", "project"),
    "bigquery.datasets.get": ("roles/bigquery.dataViewer", "dataset"),
    "bigquery.tables.list": ("roles/bigquery.dataViewer", "dataset"),
    "bigquery.tables.get": ("roles/bigquery.dataViewer", "dataset"),
    "bigquery.tables.getData": ("roles/bigquery.dataViewer", "dataset"),
    "bigquery.tables.create": ("roles/bigquery.dataEditor", "dataset"),
    "bigquery.tables.update": ("roles/bigquery.dataEditor", "dataset"),
    "bigquery.tables.updateData": ("roles/bigquery.dataEditor", "dataset"),
    "bigquery.tables.delete": ("roles/bigquery.dataEditor", "dataset"),
}
_NAMED = (
    re.compile(r"Permission (?P<name>bigquery\.[\w.]+) denied on (?P<on>\w+ [^\s(,;]+)"),
    re.compile(r"does not have (?P<name>bigquery\.[\w.]+) permission (?:in|for|on) (?P<on>\w+ [^\s(,;]+)"),
)
_READING = re.compile(
    r"Access Denied: (?P<on>(?:Table|View) [^\s(,;]+): User does not have permission to query"
)
_PLACE = re.compile(r"Access Denied: (?P<on>\w+ [^\s(,;]+): ")


class Denied(NamedTuple):
    """A permission that is missing, and on what; either is empty where the message does not say it."""

    permission: str
    on: str

    @property
    def remedy(self) -> str:
        """Which role to grant, and where."""
        if self.permission not in ROLES:
            return "Run `kpi doctor --profile` to see which permissions are missing."
        role, level = ROLES[self.permission]
        return f"Grant {role} on the {level} to the account that runs this, e.g. in the console under IAM."


def denied(message: str) -> Denied:
    """Return what an "Access Denied" of BigQuery's says is missing."""
    for pattern in _NAMED:
        if found := pattern.search(message):
            return Denied(found["name"].rstrip("."), _place(found["on"]))
    if found := _READING.search(message):
        return Denied("bigquery.tables.getData", _place(found["on"]))
    found = _PLACE.search(message)
    return Denied("", _place(found["on"]) if found else "")


def _place(text: str) -> str:
    kind, _, name = text.partition(" ")
    return f"{kind.lower()} {name.rstrip('.:')}"
