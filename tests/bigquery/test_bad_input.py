"""What is wrong in a BigQuery project, as a user meets it: one message, exit code 2, the last good site."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kpi_lib.catalogue import BigQueryProfile
from kpi_lib.warehouse.bigquery.session import Session
from tests.bigquery.conftest import Good, kpi, published_run
from tests.bigquery.emulator import Running
from tests.bigquery.proxy import Fault, proxy_to

NOTICE = re.compile(r'<div class="banner notice" role="status">(.*?)</div>\n')
#: Stands for the project in what is expected.
P = "PROJECT"


def refused(match: str, status: int, reason: str, message: str) -> Fault:
    return Fault(match, "refuse", None, status, reason, message)


@dataclass(frozen=True)
class Bad:
    """Something that is wrong, and what the user is told.

    Parameters
    ----------
    said
        Parts of the message of ``kpi nightly``.
    doctor
        Parts of what ``kpi doctor`` marks as wrong; by default the same.
    settings
        What is written in ``kpi.toml`` in place of what.
    sources
        Source → its columns in a copy of the sources that the profile then reads; None for no such table.
    location
        Where that copy lies.
    faults
        What the service answers. An emulator knows neither permissions nor locations nor projects.
    emulator
        Whether ``BIGQUERY_EMULATOR_HOST`` is set: with it no credentials are asked for.
    """

    said: tuple[str, ...]
    doctor: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str | None] | None = None
    location: str = "US"
    faults: tuple[Fault, ...] = ()
    emulator: bool = True


def key_file(name: str) -> dict[str, str]:
    return {"[profiles.sandbox.deadlines]": f'key_file = "{name}"\n[profiles.sandbox.deadlines]'}


CASES: dict[str, Bad] = {
    "no such project": Bad(
        (f"There is no project {P}, or this account may not see it.", "Look at `project` of the profile"),
        faults=(refused(".", 404, "notFound", f"Not found: Project {P}"),),
    ),
    "a project without BigQuery": Bad(
        (f"BigQuery is not enabled in project {P}, or there is no such project.", "enable the BigQuery API"),
        faults=(refused(".", 400, "invalid", f"The project {P} has not enabled BigQuery."),),
    ),
    "a project of others": Bad(
        (f"lacks the permission bigquery.jobs.create on project {P}.", "Grant roles/bigquery.jobUser"),
        faults=(
            refused(
                "^POST", 403, "accessDenied",
                f"Access Denied: Project {P}: User does not have bigquery.jobs.create permission in project "
                f"{P}.",
            ),
        ),
    ),
    "another project than the sources'": Bad(
        ("There is no dataset example-nowhere:winery_raw in US", "Look at `project`, `datasets`"),
        ("dataset example-nowhere.winery_raw (winery, raw): There is no such dataset",),
        settings={P: "example-nowhere"},
    ),
    "no such dataset": Bad(
        (f"There is no dataset {P}:winery_gone in US", "kpi doctor --profile sandbox"),
        (f"dataset {P}.winery_gone (winery, raw): There is no such dataset", "Look at `project` and"),
        settings={'raw = "{domain}_raw"': 'raw = "winery_gone"'},
    ),
    "no such table": Bad(
        (".stg_order_item: there is no such table or view.", "Look whether the loader has run"),
        ("There is no table or view", ".stg_order_item in US"),
        sources={"stg_order_item": None},
    ),
    "no such view of the loads": Bad(
        (".source_load: There is no such table or view.", "source, loaded_from, complete_through, loaded_at"),
        sources={"source_load": None},
    ),
    "a renamed column": Bad(
        (".stg_order: column subtotal is missing. → Did you mean 'sub_total'?", "sources.toml"),
        (".stg_order: column subtotal is missing. → Did you mean 'sub_total'?",),
        sources={"stg_order": "* EXCEPT (subtotal), subtotal AS sub_total"},
    ),
    "a retyped column": Bad(
        (".stg_tock_reservation: column party_size is STRING, not INT64.", "put a view over it"),
        sources={"stg_tock_reservation": "* REPLACE (CAST(party_size AS STRING) AS party_size)"},
    ),
    "a table that may not be looked at": Bad(
        ("lacks the permission bigquery.tables.get on table", "Grant roles/bigquery.dataViewer on the"),
        faults=(
            refused(
                "^GET .*/tables/stg_order$|^GET .*/tables/stg_order[?]", 403, "accessDenied",
                f"Access Denied: Table {P}:winery_raw.stg_order: Permission bigquery.tables.get denied on "
                f"table {P}:winery_raw.stg_order (or it may not exist).",
            ),
        ),
    ),
    "sources in another location": Bad(
        (" lies in EU, and the profile says US.", "Set `location` of the profile"),
        sources={},
        location="EU",
        faults=(
            refused(
                "^POST .*/(jobs|queries)", 404, "notFound",
                f"Not found: Dataset {P}:DATASET was not found in location US",
            ),
        ),
    ),
    "a token that is refused": Bad(
        ("No usable credentials were found", "gcloud auth application-default login"),
        faults=(refused(".", 401, "authError", "Request had invalid authentication credentials."),),
    ),
    "a key that was withdrawn": Bad(
        ("The credentials have expired or were withdrawn: invalid_grant", "Look at key_file"),
        settings=key_file("withdrawn.json"),
        faults=(
            Fault(
                "^POST /token", "refuse", None, 400,
                content='{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}',
            ),
        ),
        emulator=False,
    ),
    "a key file that is not there": Bad(
        ("gone.json: There is no such key file.", "Put it there, or remove key_file"),
        settings=key_file("gone.json"),
        emulator=False,
    ),
    "a key file that is none": Bad(
        ("broken.json: The key file cannot be read as a service account's key.", "Look at key_file"),
        settings=key_file("broken.json"),
        emulator=False,
    ),
    "no credentials": Bad(
        ("No usable credentials were found", "gcloud auth application-default login"),
        emulator=False,
    ),
}  # fmt: skip


def copy_of_sources(profile: BigQueryProfile, name: str, bad: Bad) -> None:
    """Make a dataset of sources that are not as they should be."""
    from google.cloud import bigquery

    session = Session.open(profile, "loader", f"loader-{name}")
    made = bigquery.Dataset(f"{profile.project}.{name}")
    made.location = bad.location
    session.client.create_dataset(made)
    for item in session.client.list_tables(f"{profile.project}.winery_raw"):
        columns = (bad.sources or {}).get(item.table_id, "*")
        if columns is not None:
            place = f"`{profile.project}.{name}.{item.table_id}`"
            origin = f"`{profile.project}.winery_raw.{item.table_id}`"
            session.query(f"CREATE VIEW {place} AS SELECT {columns} FROM {origin}", "copy")
    session.close()


def key_of(address: str) -> str:
    """Return a sound key of a service account that does not exist."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "kpi-nightly@example-reporting.iam.gserviceaccount.com",
            "private_key": private.decode(),
            "token_uri": f"http://{address}/token",
        }
    )


def site_of(folder: Path) -> dict[str, str]:
    """Return the published pages and figures but for the banner of a failed night."""
    site = folder / "build" / "sandbox" / "site"
    files = [file for file in sorted(site.rglob("*")) if file.suffix in (".html", ".json", ".csv")]
    return {
        str(file.relative_to(site)): NOTICE.sub("", file.read_text())
        for file in files
        if file.name != "index.json"
    }


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_in_one_message_and_the_last_good_site_stays(
    name: str, good: Good, emulator: Running, tmp_path: Path
) -> None:
    bad, folder = CASES[name], tmp_path / "project"
    shutil.copytree(good.folder, folder, symlinks=True)
    settings, dataset = (folder / "kpi.toml").read_text(), re.sub(r"\W", "_", f"raw_{name}")
    for old, new in bad.settings.items():
        settings = settings.replace(old.replace(P, good.profile.project), new)
    if bad.sources is not None:
        copy_of_sources(good.profile, dataset, bad)
        settings = settings.replace('raw = "{domain}_raw"', f'raw = "{dataset}"')
    (folder / "kpi.toml").write_text(settings)
    before = site_of(folder)
    assert len(before) > 10

    def named(text: str) -> str:
        return text.replace(P, good.profile.project).replace("DATASET", dataset)

    with proxy_to(emulator.host) as proxy:
        proxy.faults = [
            Fault(f.match, f.what, None, f.status, f.reason, named(f.message), content=f.content)
            for f in bad.faults
        ]
        (folder / "withdrawn.json").write_text(key_of(proxy.host))
        (folder / "broken.json").write_text('{"type": "service_account", "private_key": "geheim"}')
        env = {
            "BIGQUERY_EMULATOR_HOST": proxy.host if bad.emulator else None,
            "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "absent.json"),
        }
        night = kpi(folder, env, "nightly", "--profile", "sandbox")
        doctor = kpi(folder, env, "doctor", "--profile", "sandbox")

    assert night.returncode == 2, night.stdout + night.stderr
    assert night.stderr.count("error:") == 1
    for part in bad.said:
        assert named(part) in night.stderr
    assert site_of(folder) == before
    home = (folder / "build" / "sandbox" / "site" / "index.html").read_text()
    assert "These are the last good figures" in NOTICE.findall(home)[0]
    assert published_run(good.profile) == good.run
    assert doctor.returncode == 2, doctor.stdout
    marked = doctor.stdout[doctor.stdout.index("✗") :]
    for part in bad.doctor or bad.said:
        assert named(part) in marked
    for told in (night.stdout, night.stderr, doctor.stdout, doctor.stderr, home):
        for secret in ("Traceback", "PRIVATE KEY", "geheim", "access_token"):
            assert secret not in told
