"""The check of a built site finds each kind of fault, and nothing in a good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpi_lib.reporting.check import check_site, same_titles
from kpi_lib.reporting.html import page_html, write_assets, write_text
from tests.reporting_notebooks import context


def site_with(folder: Path, body: str, name: str = "index.html") -> Path:
    write_assets(folder, folder.parent / "kept")
    write_text(folder / name, page_html(body, title="Home", page=name, context=context(nav=())))
    return folder


def test_a_good_site_has_no_problems(tmp_path: Path) -> None:
    body = (
        '<h1 id="x">A nano-sized Noneuclidean</h1><a href="#x">x</a><a href="mailto:a@example.org">m</a>'
        '<a href="https://example.org">elsewhere</a><img src="data:image/png;base64,AA" alt="">'
        "<svg><title>one</title></svg><code>None</code>"
    )
    assert check_site(site_with(tmp_path, body)) == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('<a href="gone.html">x</a>', "'gone.html' does not exist"),
        ('<a href="#gone">x</a>', "'#gone' leads to no such place"),
        ('<a href="../outside.html">x</a>', "leads out of the site"),
        ('<img src="gone.png" alt="">', "'gone.png' does not exist"),
        ('<img src="assets/age.js">', "1 images have no alternative text"),
        ('<script src="https://cdn.example.org/x.js"></script>', "is loaded from another place"),
        ('<link rel="stylesheet" href="//cdn.example.org/x.css">', "is loaded from another place"),
        ("<p>Revenue: NaN</p>", "it shows NaN"),
        ("<td>nan</td>", "it shows nan"),
        ("<td>None</td>", "it shows None"),
        ("<td>NaT</td>", "it shows NaT"),
        ("<svg><text>NaN</text></svg>", "it shows NaN"),
        ("<h1>a</h1><h1>b</h1>", "it has 2 main headings"),
        ("<p>" + "x" * 400_000 + "</p>", "at most 400 kB"),
    ],
)
def test_each_fault_is_found(tmp_path: Path, body: str, says: str) -> None:
    problems = check_site(site_with(tmp_path, body))
    assert any(says in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Content-Security-Policy", "x", "no Content-Security-Policy"),
        ('lang="en"', "", "names no language"),
        ("<title>Home · Larkspur Ridge · Fri 20 Nov 2026</title>", "", "it has no title"),
    ],
)
def test_what_the_shell_must_carry(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = site_with(tmp_path, "") / "index.html"
    file.write_text(file.read_text().replace(old, new))
    assert any(says in problem for problem in check_site(tmp_path))


def test_there_is_a_home_and_a_shared_title_alone_stops_nothing(tmp_path: Path) -> None:
    assert "there is no index.html" in check_site(tmp_path)[0]
    site_with(tmp_path, "")
    for page in ("winery/daily.html", "market/daily.html", "market/other.html"):
        site_with(tmp_path, "", page)
    assert check_site(tmp_path) == []
    assert same_titles(tmp_path) == [
        "market/daily.html, market/other.html: all have the title 'Home · Larkspur Ridge · Fri 20 Nov 2026'."
    ]


def test_style_sheets_are_looked_at_too(tmp_path: Path) -> None:
    site_with(tmp_path, "")
    (tmp_path / "assets" / "more.css").write_text(
        "@font-face{src:url(https://fonts.example.org/x)}a{background:url('gone.png')}"
    )
    assert check_site(tmp_path) == [
        "assets/more.css: 'https://fonts.example.org/x' is loaded from another place.",
        "assets/more.css: 'gone.png' does not exist.",
    ]
