"""kpi.toml: found, read, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kpi_lib.catalogue import BigQueryProfile, DuckDBProfile, Problem, load_catalogue, load_settings
from kpi_lib.catalogue.profile_checks import check_profiles
from kpi_lib.errors import DefinitionError

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    file = folder / "kpi.toml"
    file.write_text(text)
    return file


def test_the_shipped_file_is_read_with_absolute_paths() -> None:
    settings = load_settings(ROOT / "kpi.toml")
    assert settings.profile() == DuckDBProfile(path=ROOT / "data" / "warehouse.duckdb")
    assert settings.landing.is_absolute()
    assert settings.output.is_absolute()


def test_it_is_found_from_a_folder_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "notebooks")
    assert load_settings().root == ROOT


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, ""))
    assert settings.profile("local") == DuckDBProfile(path=tmp_path / "data" / "warehouse.duckdb")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default_profil = 'local'", "default_profil"),
        ("[site]\nstale_after_hours = -1", "stale_after_hours"),
        ("[profiles.x]\nkind = 'postgres'", "profiles.x.kind"),
        ("domains = ", "not valid TOML"),
        ("root = '/'", "root"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        load_settings(write(tmp_path, text))


def cloud(name: str = "sandbox", datasets: str = "", **keys: object) -> str:
    values = {"project": "example-reporting", "labels": {"team": "x"}} | keys
    lines = [f"{key} = {toml(value)}" for key, value in values.items() if value is not None]
    named = datasets or "\n".join(
        f'{layer} = "{{domain}}_{layer}_{name}"' for layer in ("mart", "kpi", "ops")
    )
    return "\n".join(
        [
            f"[profiles.{name}]",
            'kind = "bigquery"',
            *lines,
            f"[profiles.{name}.datasets]",
            'raw = "{domain}_raw"',
            named,
            "",
        ]
    )


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def said(tmp_path: Path, text: str) -> list[str]:
    chosen = "" if "default_profile" in text else "default_profile = 'sandbox'\n"
    settings = load_settings(write(tmp_path, chosen + text))
    return [f"{item.severity} {item.key}: {item.what}" for item in check_profiles(settings, CATALOGUES)]


CATALOGUES = (load_catalogue("winery"), load_catalogue("marketplace"))


def test_a_bigquery_profile_names_its_datasets(tmp_path: Path) -> None:
    text = cloud(maximum_bytes_billed="5GiB") + '[profiles.sandbox.datasets.marketplace]\nkpi = "App"\n'
    profile = load_settings(write(tmp_path, text)).profile("sandbox")
    assert isinstance(profile, BigQueryProfile)
    assert profile.maximum_bytes_billed == 5 * 2**30
    assert profile.own_datasets("winery") == {
        "mart": "winery_mart_sandbox",
        "kpi": "winery_kpi_sandbox",
        "ops": "winery_ops_sandbox",
        "staging": "winery_kpi_sandbox_staging",
    }
    assert profile.own_datasets("marketplace")["kpi"] == "App"
    assert profile.dataset("src_fivetran_qbo", "marketplace") == "src_fivetran_qbo"


def test_the_examples_of_the_shipped_file_are_right(tmp_path: Path) -> None:
    lines = (ROOT / "kpi.toml").read_text().splitlines()
    begin = lines.index("# [profiles.sandbox]")
    text = "\n".join(line.removeprefix("# ") for line in lines[begin:] if line != "#")
    assert said(tmp_path, text) == []
    profiles = load_settings(tmp_path / "kpi.toml").profiles
    assert set(profiles) == {"sandbox", "prod"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (cloud(project=None), "profiles.sandbox.project: Field required"),
        (cloud(project="No Such"), "profiles.sandbox.project: String should match"),
        (cloud(datasets='mart = "m"'), "profiles.sandbox.datasets: no dataset is named for: kpi, ops"),
        (cloud(datasets='mart = "p.m"\nkpi = "k"\nops = "o"'), "'p.m' .mart. is no dataset's name"),
        (cloud(maximum_bytes_billed="1kB"), "profiles.sandbox.maximum_bytes_billed: Input should be greater"),
        (cloud(maximum_bytes_biled=1), "Did you mean 'maximum_bytes_billed'"),
        (cloud(compute="moon"), "profiles.sandbox.compute: Input should be 'memory' or 'warehouse'"),
        (cloud(labels={"Team": "x"}), "'Team = x' is no label"),
        (cloud(deadlines={"qery": 3}), "Did you mean 'query'"),
        (
            "[profiles.x]\nkind = 'bigquary'",
            "profiles.x.kind: There is no such kind of warehouse. Did you mean 'bigquery'",
        ),
        ("[site]\ntitel = 'x'", "site.titel: .* Did you mean 'title'"),
        ("profiles = 3", "profiles: "),
        ("[profiles.'../x']\nkind = 'duckdb'", "profiles: '../x' is no profile's name"),
        ("[profiles.runs]\nkind = 'duckdb'", "profiles: a profile cannot be called 'runs'"),
        ("[profiles]\nx = 3", "profiles.x"),
    ],
)
def test_every_mistake_in_a_profile_is_named_with_its_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(DefinitionError, match=named) as caught:
        load_settings(write(tmp_path, text))
    assert caught.value.where == str(tmp_path / "kpi.toml")
    assert all(isinstance(item, Problem) for item in caught.value.issues)


@pytest.mark.parametrize(
    "text",
    [
        "[profiles.a]\nkind = 'duckdb'\n[profiles.b]\nkind = 'duckdb'",
        "[profiles.a]\npath = 'x/a.duckdb'\n[profiles.b]\npath = 'x/../x/A.db'",
        cloud("warehouse") + "[profiles.b]\nkind = 'duckdb'",
    ],
)
def test_two_profiles_never_share_a_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError, match="would keep their figures in one place") as caught:
        load_settings(write(tmp_path, text))
    assert "a path of its own" in str(caught.value)


def test_each_profile_has_a_place_and_the_default_one_the_folder_itself(tmp_path: Path) -> None:
    text = cloud("prod") + "[profiles.local]\nkind = 'duckdb'\n"
    settings = load_settings(write(tmp_path, text))
    assert (settings.output_of("local"), settings.output_of("prod")) == (
        tmp_path / "build", tmp_path / "build" / "prod",
    )  # fmt: skip
    settings = load_settings(write(tmp_path, "default_profile = 'prod'\n" + text))
    assert (settings.output_of("local"), settings.output_of("prod")) == (
        tmp_path / "build" / "local", tmp_path / "build",
    )  # fmt: skip


def test_two_good_profiles_have_no_problem(tmp_path: Path) -> None:
    assert said(tmp_path, cloud("sandbox") + cloud("prod")) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("default_profile = 'prud'\n" + cloud("prod"), "error default_profile: There is no profile 'prud'."),
        (
            cloud(datasets='mart = "{domain}_raw"\nkpi = "{domain}_k"\nops = "{domain}_o"'),
            "error profiles.sandbox.datasets.mart: 'winery_raw' holds sources of winery; "
            "a run would write beside them.",
        ),
        (
            cloud(datasets='mart = "{domain}_m"\nkpi = "src_fivetran_qbo"\nops = "{domain}_o"'),
            "error profiles.sandbox.datasets.kpi: 'src_fivetran_qbo' holds sources of marketplace; "
            "a run would write beside them.",
        ),
        (
            cloud(datasets='mart = "{domain}_m"\nkpi = "all_kpis"\nops = "{domain}_o"'),
            "error profiles.sandbox.datasets.kpi: 'all_kpis' is written by winery and by marketplace, "
            "under the same names.",
        ),
        (
            cloud(
                datasets='mart = "{domain}_m"\nkpi = "{domain}_k"\nops = "{domain}_o"\nstaging = "{domain}_k"'
            ),
            "error profiles.sandbox.datasets.staging: 'winery_k' is published too: "
            "what is under way would be seen.",
        ),
        (
            cloud(byte_budget="10MiB", maximum_bytes_billed="20MiB"),
            "error profiles.sandbox.byte_budget: A run may read less (10.0MiB) than one of "
            "its queries (20.0MiB).",
        ),
        (
            cloud("sandbox", location="EU") + cloud("prod"),
            "warning profiles.sandbox: It differs from 'prod' in more than dataset names: location.",
        ),
        (
            cloud("sandbox").replace("kpi_sandbox", "kpi_prod") + cloud("prod"),
            "error profiles.sandbox.datasets: It would write where 'prod' writes: winery_kpi_prod, "
            "winery_kpi_prod_staging.",
        ),
    ],
)
def test_profiles_that_would_do_harm_are_found(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in said(tmp_path, text)


def test_a_key_file_that_is_not_here_is_a_warning(tmp_path: Path) -> None:
    found = said(tmp_path, cloud(key_file="key.json"))
    assert found == [f"warning profiles.sandbox.key_file: The key file {tmp_path / 'key.json'} is not here."]


def test_unknown_profile_and_domain(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, ""))
    with pytest.raises(DefinitionError, match="Did you mean 'local'"):
        settings.profile("locl")
    with pytest.raises(DefinitionError, match="Did you mean 'winery'"):
        settings.domain_folder("wineri")


def test_no_file_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DefinitionError, match=r"No kpi\.toml was found"):
        load_settings()


def test_a_users_own_domain_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "mine" / "winery").mkdir(parents=True)
    (tmp_path / "mine" / "winery" / "domain.toml").write_text("")
    settings = load_settings(write(tmp_path, "domain_folders = ['mine']"))
    assert settings.domain_folder("winery") == tmp_path / "mine" / "winery"
