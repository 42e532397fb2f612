"""What Google's client raises, told as ours; and what is worth another try."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kpi_lib.errors import AccessError, DataError, DefinitionError, KpiError, RunError, WarehouseError
from kpi_lib.warehouse.permissions import denied

_AGAIN = frozenset(
    {"backendError", "internalError", "badGateway", "jobBackendError", "jobInternalError",
     "rateLimitExceeded", "jobRateLimitExceeded", "tableUnavailable"}
)  # fmt: skip
_BUSY = re.compile(r"concurrent update|Could not serialize access|Too many concurrent", re.IGNORECASE)
_KEPT = "What is published stays as it is."


@dataclass(frozen=True)
class Place:
    """Whom a message is about: the profile's name, its project and its location."""

    profile: str
    project: str
    location: str

    def __str__(self) -> str:
        """Return it for the beginning of a message."""
        return f"profile '{self.profile}', project {self.project}"


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed a moment later."""
    from google.api_core import exceptions as google
    from google.auth import exceptions as auth
    from requests import exceptions as http

    if isinstance(error, google.RetryError) and error.cause is not None:
        return is_transient(error.cause)
    if isinstance(error, http.SSLError):
        return False
    if isinstance(error, google.GoogleAPICallError):
        if set(reasons(error)) & _AGAIN or _BUSY.search(message_of(error)):
            return True
        kinds = (
            google.InternalServerError,
            google.BadGateway,
            google.ServiceUnavailable,
            google.GatewayTimeout,
        )
        return isinstance(error, (*kinds, google.TooManyRequests)) and "quotaExceeded" not in reasons(error)
    if isinstance(error, auth.GoogleAuthError):
        return isinstance(error, auth.TransportError) or bool(error.retryable)
    # TimeoutError alone is our own deadline of a job: waiting again would only double the wait.
    lost = (http.ConnectionError, http.Timeout, http.ChunkedEncodingError, http.ContentDecodingError)
    return isinstance(error, (*lost, ConnectionError))


def foreign_errors() -> tuple[type[BaseException], ...]:
    """Return what the client, the credentials or the connection may raise, and :func:`explain` explains."""
    from google.api_core import exceptions as google
    from google.auth import exceptions as auth
    from requests import exceptions as http

    kinds = (google.GoogleAPIError, auth.GoogleAuthError, http.RequestException)
    return (*kinds, ConnectionError, TimeoutError)


def explain(error: BaseException, place: Place, doing: str = "", tries: int = 1) -> KpiError:
    """Return the error of ours that says what an error of the client means.

    Parameters
    ----------
    error
        What was raised.
    place
        Profile, project and location.
    doing
        The table, query or step at work.
    tries
        How often it was tried.
    """
    from google.api_core import exceptions as google
    from google.auth import exceptions as auth

    where = f"{place} ({doing})" if doing else str(place)
    if isinstance(error, google.RetryError) and error.cause is not None:
        return explain(error.cause, place, doing, tries)
    if is_transient(error):
        return _away(error, where, tries)
    if isinstance(error, auth.GoogleAuthError):
        return _credentials(error, where)
    if isinstance(error, google.GoogleAPICallError):
        return _answered(error, place, where)
    if isinstance(error, TimeoutError):
        return WarehouseError(
            "BigQuery did not finish in time.", where=where,
            remedy=f"Look at the job in the console, or raise deadlines.query of the profile. {_KEPT}",
        )  # fmt: skip
    return WarehouseError(
        f"BigQuery could not be reached: {_short(error)}.", where=where,
        remedy=f"Look at the network, the proxy and its certificates. {_KEPT}",
    )  # fmt: skip


def reasons(error: BaseException) -> tuple[str, ...]:
    """Return the reasons that BigQuery gives, e.g. ``("invalidQuery",)``."""
    items = getattr(error, "errors", None) or ()
    return tuple(str(item.get("reason", "")) for item in items if isinstance(item, dict))


def message_of(error: BaseException) -> str:
    """Return BigQuery's own sentence, without the request that it puts before it."""
    # Errors of credentials carry the whole answer as a second argument.
    own = error.args[0] if error.args and isinstance(error.args[0], str) else error
    text = " ".join(str(getattr(error, "message", "") or own).split())
    text = re.sub(r"^(GET|POST|PUT|PATCH|DELETE) \S+: ", "", text)
    text = re.sub(r"( Location: \S+)?( Job ID: \S+)?$", "", text)
    return re.sub(r";? ?reason: \w+(, (location|message|debugInfo): )?.*$", "", text) or text


def _away(error: BaseException, where: str, tries: int) -> KpiError:
    text = message_of(error)
    often = f" in {tries} tries" if tries > 1 else ""
    if _BUSY.search(text):
        return RunError(
            f"Another job was writing the same tables{often}: {_short(error)}.", where=where,
            remedy=f"Wait until the other run has ended and run again. {_KEPT}",
        )  # fmt: skip
    if {"rateLimitExceeded", "jobRateLimitExceeded"} & set(reasons(error)) or getattr(
        error, "code", 0
    ) == 429:
        return WarehouseError(
            f"BigQuery refused because of too many requests{often}: {_short(error)}.", where=where,
            remedy=f"Run again later, or look for other jobs of this project. {_KEPT}",
        )  # fmt: skip
    return WarehouseError(
        f"BigQuery could not be reached{often}: {_short(error)}.", where=where,
        remedy=f"Look at the network and at https://status.cloud.google.com, then run again. {_KEPT}",
    )  # fmt: skip


def _credentials(error: BaseException, where: str) -> KpiError:
    from google.auth import exceptions as auth

    login = "Look at key_file of the profile, or without one run `gcloud auth application-default login`."
    if isinstance(error, auth.DefaultCredentialsError):
        return AccessError(f"No usable credentials were found: {_short(error)}.", where=where, remedy=login)
    return AccessError(
        f"The credentials have expired or were withdrawn: {_short(error)}.", where=where, remedy=login
    )


def _answered(error: BaseException, place: Place, where: str) -> KpiError:
    """Explain a refusal; the first rule that fits speaks."""
    text, code, given = message_of(error), getattr(error, "code", None), set(reasons(error))
    if code == 401:
        return _credentials(error, where)
    if "bytesBilledLimitExceeded" in given or "exceeded limit for bytes billed" in text:
        return AccessError(
            f"The query would read more than it may: {text.rstrip('.')}.", where=where,
            remedy="Raise maximum_bytes_billed or byte_budget of the profile if that is right.",
        )  # fmt: skip
    if given & {"quotaExceeded", "billingNotEnabled", "billingTierLimitExceeded"} or "Quota exceeded" in text:
        billing = "billingNotEnabled" in given
        what = "Billing is not enabled" if billing else "A quota of the project is used up"
        return WarehouseError(
            f"{what}: {text.rstrip('.')}.",
            where=where,
            remedy=f"Look at {'Billing' if billing else 'IAM & Admin → Quotas'} in the console. {_KEPT}",
        )  # fmt: skip
    if "different locations" in text:
        return elsewhere(place, where, text)
    if code == 404:
        return _absent(text, place, where)
    if "has not enabled BigQuery" in text or "accessNotConfigured" in given:
        return AccessError(
            f"BigQuery is not enabled in project {place.project}, or there is no such project.", where=where,
            remedy="Look at `project` of the profile in kpi.toml, or enable the BigQuery API.",
        )  # fmt: skip
    if code == 403:
        missing = denied(text)
        what = f"the permission {missing.permission}" if missing.permission else "a permission"
        return AccessError(
            f"The account lacks {what}{f' on {missing.on}' if missing.on else ''}.", where=where,
            remedy=missing.remedy if missing.permission else f"{text.rstrip('.')}. {missing.remedy}",
        )  # fmt: skip
    if code == 409:
        return RunError(f"It exists already: {text.rstrip('.')}.", where=where, remedy="Run again.")
    if code == 400:
        return _refused(text, given, where)
    return WarehouseError(
        f"BigQuery refused: {text.rstrip('.')}.", where=where,
        remedy=f"Look at the job in the console. {_KEPT}",
    )  # fmt: skip


def elsewhere(place: Place, where: str, detail: str, found: str = "") -> KpiError:
    """Return the error of a dataset that lies in another location."""
    says = f"and the profile says {place.location}"
    return AccessError(
        f"Dataset {detail} lies in {found}, {says}."
        if found
        else f"A dataset is in another location, {says}: {detail.rstrip('.')}.",
        where=where,
        remedy="Set `location` of the profile, or move the dataset; a night works in one location.",
    )  # fmt: skip


def _absent(text: str, place: Place, where: str) -> KpiError:
    found = re.search(r"Not found: (\w+) (\S+)", text)
    kind, name = (found[1].lower(), found[2].rstrip(".,")) if found else ("", "")
    if kind == "project":
        return AccessError(
            f"There is no project {name}, or this account may not see it.", where=where,
            remedy="Look at `project` of the profile in kpi.toml.",
        )  # fmt: skip
    if kind == "dataset":
        return AccessError(
            f"There is no dataset {name} in {place.location}, or this account may not see it.", where=where,
            remedy="Look at `project`, `datasets` and `location` of the profile; "
            f"`kpi doctor --profile {place.profile}` checks them all.",
        )  # fmt: skip
    if kind in ("table", "view"):
        return DefinitionError(
            f"There is no table or view {name} in {place.location}.", where=where,
            remedy="Look whether the loader still writes it, or it was renamed; a night makes our own.",
        )  # fmt: skip
    return AccessError(
        f"{text.rstrip('.')}.", where=where, remedy="`kpi doctor --profile` checks every name."
    )


_VALUES = re.compile(
    r"Bad (\w+) value|division by zero|Could not cast|Invalid (date|timestamp|datetime)|overflow|"
    r"UPDATE/MERGE must match at most one|Failed to parse|out of range",
    re.IGNORECASE,
)
_COLUMNS = re.compile(r"Unrecognized name|not found inside|No matching signature|Name \S+ not found")


def _refused(text: str, given: set[str], where: str) -> KpiError:
    if given & {"resourcesExceeded", "responseTooLarge"}:
        return WarehouseError(
            f"One query needs more than BigQuery gives: {text.rstrip('.')}.", where=where,
            remedy="Build fewer days at once (`kpi build --days`, `kpi backfill`).",
        )  # fmt: skip
    if _VALUES.search(text):
        return DataError(
            f"A value of the sources cannot be used: {text.rstrip('.')}.", where=where,
            remedy="Look at the newest rows of the tables that it reads.",
        )  # fmt: skip
    remedy = ""
    if _COLUMNS.search(text):
        remedy = "A source column was renamed or has another type: compare with the domain's sources.toml."
    return DefinitionError(f"{text.rstrip('.')}.", where=where, remedy=remedy)


_LOST = re.compile(
    r"(Connection refused|Read timed out|Name or service not known|Connection reset by peer|"
    r"Remote end closed connection|timed out|Connection broken)"
)


def _short(error: BaseException) -> str:
    """Return an error's own words without nested object addresses, in at most a line or two."""
    text = re.sub(r"<[\w.]+ object at 0x[0-9a-f]+>:? ?", "", message_of(error))
    found = _LOST.search(text)
    if found:
        return found[1]
    text = re.sub(r"https?://\S+", lambda match: match[0][:80], text)
    return (text[:237] + "…" if len(text) > 238 else text).rstrip(".") or type(error).__name__
