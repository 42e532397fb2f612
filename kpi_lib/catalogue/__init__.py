"""The definitions: KPIs, entities, windows, targets, sources, reports, settings.

The module can be called: ``kpi_lib.catalogue("winery")`` is :func:`load_catalogue`.
"""

import sys
from pathlib import Path
from types import ModuleType

from kpi_lib.catalogue.checks import Problem
from kpi_lib.catalogue.load import load_catalogue, read
from kpi_lib.catalogue.models import Catalogue, Column, Entity, Group, Kpi, Model, Report, Source
from kpi_lib.catalogue.profiles import BigQueryProfile, DuckDBProfile, Profile
from kpi_lib.catalogue.settings import Settings, load_settings

__all__ = [
    "BigQueryProfile",
    "Catalogue",
    "Column",
    "DuckDBProfile",
    "Entity",
    "Group",
    "Kpi",
    "Model",
    "Problem",
    "Profile",
    "Report",
    "Settings",
    "Source",
    "load_catalogue",
    "load_settings",
    "read",
]


class _CallableModule(ModuleType):
    # `import kpi_lib as kpi; kpi.catalogue("winery")` is the promised way in, and this
    # subpackage has the same name: being callable lets both stand.
    def __call__(self, domain: str | Path) -> Catalogue:
        return load_catalogue(domain)


sys.modules[__name__].__class__ = _CallableModule
