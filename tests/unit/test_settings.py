"""kpi.toml: found, read, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpi_lib.catalogue import load_settings
from kpi_lib.errors import DefinitionError

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    file = folder / "kpi.toml"
    file.write_text(text)
    return file


def test_the_shipped_file_is_read_with_absolute_paths() -> None:
    settings = load_settings(ROOT / "kpi.toml")
    assert settings.profile().path == ROOT / "data" / "warehouse.duckdb"
    assert settings.landing.is_absolute()
    assert settings.output.is_absolute()


def test_it_is_found_from_a_folder_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "notebooks")
    assert load_settings().root == ROOT


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, ""))
    assert settings.profile("local").path == tmp_path / "data" / "warehouse.duckdb"


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
