"""Pages from executed notebooks: what is shown, what is hidden, and the shell round it."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import nbformat
import pytest

from kpi_lib.errors import ReportError, UsageError
from kpi_lib.reporting.check import check_site
from kpi_lib.reporting.context import GateSummary, LateSource, NavItem
from kpi_lib.reporting.html import POLICY, failed_html, notebook_body, page_html, write_pages
from kpi_lib.reporting.render import EmbeddedRenderer
from kpi_lib.reporting.runner import NotebookJob, NotebookResult
from tests.reporting_notebooks import SVG, TABLE, context, executed, result_of, rich


def test_html_wins_then_markdown_then_svg_then_text(tmp_path: Path) -> None:
    path = executed(
        tmp_path / "n.ipynb",
        rich(text_html="<p id='a'>html</p>", text_markdown="md", svg=SVG, text_plain="plain"),
        rich(text_markdown="*md* <b>raw</b>", svg=SVG, text_plain="plain"),
        rich(svg=SVG, text_plain="plain"),
        rich(text_plain="1 < 2 & 3"),
        text="## A heading\n\nSome *words*.",
    )
    body = notebook_body(path)
    assert "<p id='a'>html</p>" in body and "<em>md</em> &lt;b&gt;raw&lt;/b&gt;" in body
    assert f'<figure class="chart">{SVG}</figure>' in body
    assert "1 &lt; 2 &amp; 3" in body and ">plain<" not in body
    assert re.search(r"<h2[^>]*>A heading</h2>", body) and "¶" not in body


def test_code_parameters_stderr_and_the_token_are_left_out(tmp_path: Path) -> None:
    error = nbformat.v4.new_output("stream", name="stderr", text="a warning")
    printed = nbformat.v4.new_output("stream", name="stdout", text="<printed>")
    body = notebook_body(executed(tmp_path / "n.ipynb", error, printed))
    assert "&lt;printed&gt;" in body
    for hidden in ("SECRET_PARAMETER", "code nobody sees", "a warning", "kpi-complete", "In [", "Out["):
        assert hidden not in body


def test_a_failed_cell_is_never_rendered(tmp_path: Path) -> None:
    failed = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["…"])
    with pytest.raises(ReportError, match="ValueError: no"):
        notebook_body(executed(tmp_path / "n.ipynb", failed))


def test_the_shell_tells_the_run_and_links_relatively_at_any_depth() -> None:
    text = page_html(
        "<h1>November</h1>",
        title="Daily KPIs",
        page="winery/kpi/visitors.html",
        context=context(),
        downloads=[NavItem("PDF", "downloads/daily.pdf")],
    )
    assert text.startswith('<!doctype html>\n<html lang="en" data-built-at="2026-11-21T08:04:00+00:00"')
    assert 'data-stale-after-hours="25"' in text
    assert "<title>Daily KPIs · Larkspur Ridge · Fri 20 Nov 2026</title>" in text
    assert f'content="{POLICY}"' in text and "unsafe" not in POLICY
    assert 'href="../../assets/site.css"' in text and 'src="../../assets/age.js"' in text
    assert '<a href="../daily.html">Daily</a>' in text
    assert '<a href="index.html" aria-current="true">KPIs</a>' in text
    assert '<a href="../../downloads/daily.pdf">PDF</a>' in text
    foot = text[text.index("<footer>") :]
    for word in (
        "As of Fri 20 Nov 2026",
        "through 20 Nov 2026",
        "148 of 148 checks passed",
        "20261121T080400Z-8c1f",
        "3fa9e21",
        "Rendered by embedded, Sat 21 Nov 2026, 00:04 PST",
    ):
        assert word in foot
    assert '<span class="ok">✓ sources complete · 148 of 148 checks passed</span>' in text
    assert text.count("<h1") == 1


def test_the_page_of_the_navigation_is_marked_and_a_heading_is_added() -> None:
    text = page_html("<p>x</p>", title="A & B <i>", page="winery/daily.html", context=context())
    assert '<a href="daily.html" aria-current="page">Daily</a>' in text
    assert "<h1>A &amp; B &lt;i&gt;</h1>" in text and "<i>" not in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"watermark": dt.date(2026, 11, 18)}, "⚠ sources complete only through 18 Nov 2026"),
        ({"watermark": None}, "⚠ sources&#39; state unknown"),
        (
            {"gate": GateSummary(146, 148, 1, 1)},
            "⚠ sources complete · 146 of 148 checks passed, 1 warning, 1 critical failed",
        ),
        ({"gate": GateSummary()}, "⚠ sources complete · not checked"),
        (
            {"gate": GateSummary(168, 170, 2)},
            '<span class="warn">Note: sources complete · 168 of 170 checks passed, 2 warnings</span>',
        ),
        (
            {"late": (LateSource("stg_club", dt.date(2026, 11, 18)), LateSource("stg_x", None))},
            "Note: sources complete but stg_club (through 18 Nov 2026), stg_x (not loaded) · ",
        ),
        (
            {"late": (LateSource("stg_club", dt.date(2026, 11, 18)),)},
            "<span>Sources complete through 20 Nov 2026 but stg_club (through 18 Nov 2026)</span>",
        ),
        (
            {
                "watermark": dt.date(2026, 11, 18),
                "late": (LateSource("stg_club", dt.date(2026, 11, 18)),),
            },
            "⚠ sources complete only through 18 Nov 2026 · ",
        ),
        (
            {"late": (LateSource("stg_club", dt.date(2026, 11, 20)),)},
            '<span class="ok">✓ sources complete · 148 of 148 checks passed</span>',
        ),
        (
            {"gate": GateSummary(147, 148, 1, notes=("One <note>.",))},
            '<a class="checks" href="index.html#checks">147 of 148 checks passed, 1 warning</a>',
        ),
        ({"banner": "Stale & <old>"}, '<div class="banner" role="status">Stale &amp; &lt;old&gt;</div>'),
    ],
)
def test_what_is_wrong_is_said_on_the_page(changes: dict[str, object], says: str) -> None:
    assert says in page_html("", title="t", page="index.html", context=context(**changes))


def test_values_of_the_run_are_escaped() -> None:
    evil = '"><script>alert(1)</script>'
    text = page_html(
        "",
        title=evil,
        page="a.html",
        context=context(title=evil, run_id=evil, code_version=evil, nav=(NavItem(evil, "a.html"),)),
        downloads=[NavItem(evil, 'x".pdf')],
    )
    assert "<script>alert" not in text and 'x".pdf' not in text


def test_a_failed_report_has_a_page_that_says_so(tmp_path: Path) -> None:
    job = NotebookJob("daily", "winery/daily.html", tmp_path / "n.ipynb", {}, "Daily KPIs")
    failed = NotebookResult(job, None, False, ReportError("The cell <b>took</b> too long.", where="x"), 1.0)
    good = result_of(executed(tmp_path / "ok.ipynb", rich(text_html="<p>fine</p>")), "winery/ok.html", "Fine")
    pages = EmbeddedRenderer().render_pages([failed, good], tmp_path / "site", context())
    text = pages[0].read_text()
    assert "could not be made" in text and "The cell &lt;b&gt;took&lt;/b&gt; too long." in text
    assert text == failed_html("Daily KPIs", "winery/daily.html", context(), "The cell <b>took</b> too long.")
    assert "<p>fine</p>" in pages[1].read_text()


def test_assets_are_there_once_and_the_pages_pass_the_check(tmp_path: Path) -> None:
    site = tmp_path / "site"
    path = executed(tmp_path / "n.ipynb", rich(text_html="<h1>Fine</h1>"), rich(text_markdown=TABLE))
    results = [
        result_of(path, page, title)
        for page, title in (("index.html", "Home"), ("winery/daily.html", "Daily"))
    ]
    write_pages(results, site, context(nav=(NavItem("Daily", "winery/daily.html"),)))
    assert check_site(site) == []
    assert {file.name for file in (site / "assets").iterdir()} >= {"site.css", "age.js", "fonts"}
    assert list((site / "assets" / "fonts").glob("*.woff2"))


def test_the_embedded_renderer_is_chosen_by_name() -> None:
    from kpi_lib.reporting.render import choose_renderer

    assert choose_renderer("embedded").name == "embedded"
    with pytest.raises(UsageError, match="Did you mean 'embedded'"):
        choose_renderer("embeded")


TWO = (("winery", "Larkspur Ridge"), ("market", "Vine Market"))


def test_domains_that_name_alike_are_told_apart() -> None:
    nav = (
        NavItem("Daily", "winery/daily.html"),
        NavItem("Daily", "market/daily.html"),
        NavItem("Archive", "archive/index.html"),
    )
    run = context(domains=TWO, nav=nav)
    winery, market = (
        page_html("", title="Daily KPIs", page=page, context=run)
        for page in ("winery/daily.html", "market/daily.html")
    )
    assert "<title>Daily KPIs · Larkspur Ridge · Fri 20 Nov 2026</title>" in winery
    assert "<title>Daily KPIs · Vine Market · Larkspur Ridge · Fri 20 Nov 2026</title>" in market
    for page in (winery, market):
        assert page.count(">Daily</a>") == 1 and ">Larkspur Ridge</a>" in page and ">Vine Market</a>" in page
    assert ">Archive</a>" in winery
    bare = page_html("", title="Daily KPIs", page="winery/daily.html", context=context(nav=nav))
    assert ">Daily, winery</a>" in bare and ">Daily, market</a>" in bare


def test_domains_with_the_same_title_are_told_apart_by_their_folder() -> None:
    run = context(domains=(("winery", "Larkspur Ridge"), ("cellar", "Larkspur Ridge")))
    text = page_html("", title="Daily KPIs", page="cellar/daily.html", context=run)
    assert "<title>Daily KPIs · Larkspur Ridge (cellar) · Larkspur Ridge · Fri 20 Nov 2026</title>" in text


def test_pages_of_one_domain_that_share_a_title_add_their_own_name(tmp_path: Path) -> None:
    path = executed(tmp_path / "n.ipynb", rich(text_html="<h1>x</h1>"))
    results = [
        result_of(path, page, "Orders")
        for page in ("winery/kpi/phone_orders.html", "winery/kpi/web_orders.html", "market/orders.html")
    ]
    texts = [page.read_text() for page in write_pages(results, tmp_path / "site", context())]
    assert "<title>Orders (phone_orders) · " in texts[0] and "<title>Orders (web_orders) · " in texts[1]
    assert "<title>Orders · " in texts[2]
