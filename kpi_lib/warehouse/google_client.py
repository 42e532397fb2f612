"""The official client, opened as a profile says: credentials, project, location."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kpi_lib.catalogue.profiles import BigQueryProfile
from kpi_lib.errors import AccessError
from kpi_lib.warehouse.google_failures import Place, explain, foreign_errors

if TYPE_CHECKING:
    from google.cloud import bigquery

#: As Google's own clients do: where it is set, a local emulator is asked, without credentials.
EMULATOR = "BIGQUERY_EMULATOR_HOST"
_SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")


def emulator() -> str:
    """Return the address of the emulator, or an empty text."""
    host = os.environ.get(EMULATOR, "").strip().rstrip("/")
    return host if not host or "://" in host else f"http://{host}"


def open_client(profile: BigQueryProfile, name: str) -> bigquery.Client:
    """Return a client for a profile; nothing is sent yet.

    Parameters
    ----------
    profile, name
        The profile and what it is called, for messages.

    Raises
    ------
    AccessError
        When the client is not installed, or no usable credentials are found.
    """
    try:
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery
    except ImportError as error:
        raise AccessError(
            "The BigQuery client is not installed.",
            where=f"profile '{name}'",
            remedy='Run `pip install "kpi-lib[bigquery]"`.',
        ) from error
    host = emulator()
    if host:
        return bigquery.Client(
            project=profile.project,
            location=profile.location,
            credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=host),
        )
    place = Place(name, profile.project, profile.location)
    try:
        credentials, _ = _credentials(profile, name)
        return bigquery.Client(project=profile.project, location=profile.location, credentials=credentials)
    except foreign_errors() as error:
        raise explain(error, place, "credentials") from error


def credentials_in_use(profile: BigQueryProfile, name: str) -> str:
    """Return in words which credentials would be used.

    Raises
    ------
    AccessError
        When there are none.
    """
    if emulator():
        return f"none: the emulator at {emulator()} ({EMULATOR})"
    try:
        credentials, kind = _credentials(profile, name)
    except foreign_errors() as error:
        raise explain(error, Place(name, profile.project, profile.location), "credentials") from error
    account = getattr(credentials, "service_account_email", "")
    return f"{kind}{f', account {account}' if account and account != 'default' else ''}"


def _credentials(profile: BigQueryProfile, name: str) -> tuple[object, str]:
    import google.auth
    from google.oauth2 import service_account

    if profile.key_file is None:
        credentials, _ = google.auth.default(scopes=_SCOPES, quota_project_id=None)
        return credentials, "Application Default Credentials"
    try:
        return (
            service_account.Credentials.from_service_account_file(str(profile.key_file), scopes=_SCOPES),
            f"key file {profile.key_file}",
        )
    except FileNotFoundError as error:
        raise AccessError(
            "There is no such key file.",
            where=f"profile '{name}': {profile.key_file}",
            remedy="Put it there, or remove key_file of the profile to use Application Default Credentials.",
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise AccessError(
            "The key file cannot be read as a service account's key.",
            where=f"profile '{name}': {profile.key_file}",
            remedy="Look at key_file of the profile, or remove it to use Application Default Credentials.",
        ) from error
