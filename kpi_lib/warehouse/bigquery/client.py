"""The official clients, made for a profile: credentials, the emulator, the Storage API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kpi_lib.catalogue.profiles import BigQueryProfile
from kpi_lib.errors import UsageError, WarehouseError

if TYPE_CHECKING:
    from google.cloud import bigquery, bigquery_storage_v1

#: As Google's own clients call it; ``host:port``, with or without ``http://``.
EMULATOR = "BIGQUERY_EMULATOR_HOST"
#: The same for the Storage Read API, which an emulator serves at another port.
STORAGE_EMULATOR = "BIGQUERY_STORAGE_EMULATOR_HOST"


def emulator() -> str | None:
    """Return the emulator's address, or None for Google's."""
    host = os.environ.get(EMULATOR, "").rstrip("/")
    if not host:
        return None
    return host if "://" in host else f"http://{host}"


def make_client(profile: BigQueryProfile) -> bigquery.Client:
    """Return a client for a profile; nothing is asked of the network yet.

    Raises
    ------
    UsageError
        When the package is not installed, or the key file cannot be read.
    WarehouseError
        When there are no credentials.
    """
    try:
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud import bigquery
    except ImportError as error:
        raise UsageError(
            "The BigQuery client is not installed.", remedy="Run: pip install 'kpi-lib[bigquery]'"
        ) from error
    host = emulator()
    if host is not None:
        return bigquery.Client(
            project=profile.project,
            location=profile.location,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": host},
        )
    try:
        if profile.key_file is not None:
            return bigquery.Client.from_service_account_json(
                str(profile.key_file), project=profile.project, location=profile.location
            )
        return bigquery.Client(project=profile.project, location=profile.location)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The service account's key cannot be used: {error}.",
            where=str(profile.key_file),
            remedy="Name a readable JSON key in key_file, or leave it out and log in with gcloud.",
        ) from error
    except DefaultCredentialsError as error:
        raise WarehouseError(
            "There are no credentials for Google Cloud.",
            where=f"project {profile.project}",
            remedy="Run `gcloud auth application-default login`, or name a key_file in the profile.",
        ) from error


def make_storage_client(client: bigquery.Client) -> bigquery_storage_v1.BigQueryReadClient | None:
    """Return a client for large results; None where only an emulator's REST address is known."""
    from google.cloud import bigquery_storage_v1

    if emulator() is None:
        return bigquery_storage_v1.BigQueryReadClient(credentials=client._credentials)
    address = os.environ.get(STORAGE_EMULATOR, "")
    if not address:
        return None
    import grpc  # type: ignore[import-untyped]
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    channel = grpc.insecure_channel(
        address.removeprefix("http://"), options=[("grpc.max_receive_message_length", -1)]
    )
    return bigquery_storage_v1.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
