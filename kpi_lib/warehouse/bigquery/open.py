"""From a profile to an open warehouse."""

from __future__ import annotations

from kpi_lib.catalogue.models import Catalogue
from kpi_lib.catalogue.profiles import BigQueryProfile
from kpi_lib.catalogue.scorecard import scorecard_of
from kpi_lib.warehouse.bigquery.names import Places
from kpi_lib.warehouse.bigquery.session import Session
from kpi_lib.warehouse.bigquery.staging import Staging
from kpi_lib.warehouse.bigquery.warehouse import BigQueryWarehouse
from kpi_lib.warehouse.tables import physical_layers


def places_of(profile: BigQueryProfile, catalogue: Catalogue) -> Places:
    """Return where a domain's tables lie."""
    card = None if profile.owns_views else scorecard_of(catalogue)
    return Places(
        profile.project,
        profile.layers(catalogue.domain, physical_layers(catalogue)),
        frozenset(profile.own_datasets(catalogue.domain).values()),
        frozenset(view.table for view in card.views if view.deployed) if card else frozenset(),
    )


def open_published(profile: BigQueryProfile, name: str, catalogue: Catalogue) -> BigQueryWarehouse:
    """Open what is published of a domain for reading; ``name`` is the profile's."""
    return BigQueryWarehouse(Session.open(profile, name), places_of(profile, catalogue))


def open_staging(session: Session, catalogue: Catalogue, owner: str) -> BigQueryWarehouse:
    """Open a domain for a run, which writes aside under names that begin with ``owner``."""
    places = places_of(session.profile, catalogue)
    staging = Staging(places, session.profile.dataset("staging", catalogue.domain), owner)
    return BigQueryWarehouse(session, places, staging)
