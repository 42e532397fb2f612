"""The data quality page: may the figures be trusted, what did not hold, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kpi_lib.reporting import format as fmt
from kpi_lib.reporting.grid import Cell, Column, Grid, Row
from kpi_lib.reporting.markup import Prose, Run, element, hidden, muted, strong, text_html, text_markdown
from kpi_lib.reporting.piece import Piece, section
from kpi_lib.reporting.pieces import grid_piece, headline_piece, with_heading
from kpi_lib.reporting.quality_data import Night, QualityData, Rule
from kpi_lib.reporting.quality_sources import absent_sources, freshness_grid, rows_grid, with_days
from kpi_lib.reporting.sheet import Sheet

ICONS = {"passed": "✓", "warning": "△", "critical": "✗", "info": "i"}
TONES = {"passed": "good", "warning": "amber", "critical": "bad", "info": "none"}
_COUNTED = {"critical": ("critical", "critical"), "warning": ("warning",), "info": ("remark",)}
#: So many of the newest runs stand beside a rule.
RULE_RUNS = 14
#: So many failing rows are shown; the run's folder holds what the gate kept.
MOST_ROWS = 10


@dataclass(frozen=True)
class QualityPage(Sheet):
    """The page of a domain's data quality."""

    data: QualityData

    @property
    def about(self) -> str:
        """What this is, in a few words."""
        return f"{self.data.catalogue.title}, data quality, as of {fmt.day(self.data.as_of)}"

    def headline(self) -> Piece:
        """Return whether the data held what is asked of it, when that was asked, and how far it reaches."""
        return headline_piece(_sentence(self.data.newest), _lede(self.data), "Data quality")

    @property
    def tables(self) -> Mapping[str, Callable[[], Piece]]:
        """``nights``, ``failures``, ``freshness``, ``rows``, ``reconciliations``, ``expectations``."""
        return {
            "nights": lambda: nights_piece(self.data),
            "failures": lambda: failures_piece(self.data),
            "freshness": lambda: grid_piece(
                freshness_grid(self.data), "freshness", "How fresh the sources are"
            ),
            "rows": lambda: grid_piece(rows_grid(self.data), "row-counts", "Rows in every table"),
            "reconciliations": lambda: _rules_piece(self.data, "reconciliation", "Do the tables agree?"),
            "expectations": lambda: _rules_piece(self.data, "expectation", "Every expectation"),
        }


def _sentence(night: Night) -> str:
    failed = night.failed
    if failed.get("critical"):
        rules = fmt.plural(failed["critical"], "critical check")
        return f"{rules} failed: these figures are not to be trusted"
    if not failed:
        return f"All {night.total:,} checks passed"
    parts = [fmt.plural(failed[kind], kind) for kind in ("warning",) if failed.get(kind)]
    if failed.get("info"):
        parts.append(fmt.plural(failed["info"], "remark"))
    return f"{night.passed:,} of {night.total:,} checks passed, with {fmt.listed(parts)}"


def _lede(data: QualityData) -> Prose:
    night = data.newest
    runs: list[str | Run] = [
        f"Checked {data.when(night.checked_at)}, before anything was published, for the figures as of ",
        strong(f"{night.as_of:%a} {fmt.day(night.as_of)}"),
        ". ",
    ]
    runs.append(_reach(data))
    stopped = [item for item in data.nights if item.state == "critical"]
    if stopped:
        runs.append(
            muted(
                f" Of the last {fmt.plural(len(data.nights), 'run')} {len(stopped)} did not pass and"
                f" published nothing, the newest on {fmt.day(data.local(stopped[-1].checked_at).date())}."
            )
        )
    return Prose.of(*runs)


def _reach(data: QualityData) -> str:
    loaded = [(str(row["source"]), days) for row, days in with_days(data)]
    late = [name for name, days in loaded if days]
    unknown = [name for name, days in loaded if days is None]
    absent = absent_sources(data)
    said = []
    if late:
        said.append(f"{fmt.listed(late)} {'does' if len(late) == 1 else 'do'} not reach that day.")
    if unknown:
        said.append(
            f"How far {fmt.listed(unknown)} {'reaches' if len(unknown) == 1 else 'reach'} is not known."
        )
    if absent:
        said.append(f"{fmt.listed(absent)} {'is' if len(absent) == 1 else 'are'} not loaded.")
    return " ".join(said) or "Every source reaches that day."


def nights_piece(data: QualityData) -> Piece:
    """Return one square a run of the gate: passed, passed with warnings, or stopped."""
    squares = "".join(_square(data, night) for night in data.nights)
    words = [_night_words(data, night) for night in data.nights]
    few = "It has no history yet: this is the first run. " if len(data.nights) == 1 else ""
    note = (
        f"{few}One mark a run, the oldest first: ✓ passed, △ passed with warnings, ✗ stopped, nothing was "
        f"published. At most the last {len(data.nights) if len(data.nights) > 30 else 30} runs."
    )
    heading = "Night by night"
    return Piece(
        html=section(
            "nights",
            heading,
            f'<ol class="nights">{squares}</ol>',
            element("p", text_html(note), attributes={"class": "foot-note"}),
        ),
        markdown=with_heading(heading, "\n".join(f"- {text_markdown(item)}" for item in words)),
        plain="\n".join([heading, *words]),
    )


def _square(data: QualityData, night: Night) -> str:
    day = data.local(night.checked_at).date()
    return (
        f'<li class="{TONES[night.state]}" title="{text_html(_night_words(data, night))}">'
        f'<span class="mark" aria-hidden="true">{ICONS[night.state]}</span>'
        f'<span class="date" aria-hidden="true">{fmt.day(day, year=False)}</span>'
        f"{hidden(_night_words(data, night))}</li>"
    )


def _night_words(data: QualityData, night: Night) -> str:
    failed = [fmt.plural(count, *_COUNTED[kind]) for kind, count in sorted(night.failed.items())]
    how = f"{night.passed:,} of {night.total:,} passed" + (f", {fmt.listed(failed)}" if failed else "")
    end = ", nothing was published" if night.state == "critical" else ""
    return f"{data.when(night.checked_at)}, as of {fmt.day(night.as_of)}: {how}{end}"


def failures_piece(data: QualityData) -> Piece:
    """Return every rule that does not hold, with the rows that break it; a sentence where all hold."""
    heading = "What did not hold"
    if not data.broken:
        words = f"Nothing: all {data.newest.total:,} rules hold."
        return Piece(
            html=section("failures", heading, element("p", text_html(words))),
            markdown=with_heading(heading, text_markdown(words)),
            plain=f"{heading}\n{words}",
        )
    parts = [_failure(rule) for rule in data.broken]
    return Piece(
        html=section("failures", heading, *(part.html for part in parts)),
        markdown=with_heading(heading, "\n\n".join(part.markdown for part in parts)),
        plain="\n".join([heading, *(part.plain for part in parts)]),
    )


def _failure(rule: Rule) -> Piece:
    since = f"for {fmt.plural(rule.failing_runs, 'run')} in a row" if rule.failing_runs > 1 else "new"
    lines = [("Found", rule.observed), ("Since", since), ("What to do", rule.remedy)]
    terms = "".join(f"<dt>{term}</dt><dd>{_said(text)}</dd>" for term, text in lines if text)
    badge = f'<span class="badge {_badge(rule)}">{ICONS[rule.severity]} {rule.severity.capitalize()}</span>'
    where = f'<span class="mut">{text_html(rule.place)}</span>'
    rows = _failing_rows(rule)
    shown = f"<details><summary>{text_html(rows.label)}</summary>{rows.html}</details>" if rows else ""
    said = [f"{term}: {text}" for term, text in lines if text]
    return Piece(
        html=f'<article class="failure"><h3>{_said(rule.expected)}</h3><p>{badge} {where}</p>'
        f'<dl class="def">{terms}</dl>{shown}</article>',
        markdown="\n\n".join(
            [
                f"**{text_markdown(f'{rule.severity.capitalize()}: {rule.expected}')}**",
                *(text_markdown(line) for line in said),
            ]
        ),
        plain="\n".join([f"{rule.severity.capitalize()}: {rule.expected}", *said]),
    )


def _said(text: str) -> str:
    """Return text of a suite or of the data as HTML; words like "None" in it are no slip of the page."""
    return f"<samp>{text_html(text)}</samp>"


def _badge(rule: Rule) -> str:
    return {"critical": "red", "warning": "amber"}.get(rule.severity, "none")


def _failing_rows(rule: Rule) -> Grid | None:
    """Return the first rows that break a rule; the gate has taken out what concerns persons."""
    names = list(dict.fromkeys(name for row in rule.failing for name in row))
    if not names:
        return None
    shown = rule.failing[:MOST_ROWS]
    first = "first " if len(rule.failing) > len(shown) else ""
    label = "The row that breaks it" if len(shown) == 1 else f"The {first}{len(shown)} rows that break it"
    return Grid(
        label,
        tuple(Column(name, number=False) for name in names),
        tuple(Row(tuple(_value_cell(row.get(name)) for name in names)) for row in shown),
        "detail",
    )


def _value_cell(value: object) -> Cell:
    return Cell(fmt.DASH, spoken="none") if value is None else Cell(str(value), html=_said(str(value)))


def _rules_piece(data: QualityData, kind: str, heading: str) -> Piece:
    chosen = [rule for rule in data.rules if rule.kind == kind]
    grid = rules_grid(chosen, heading, len(data.nights))
    sortable = grid.html.replace('<table class="rules">', '<table class="rules" data-sortable>', 1)
    held = sum(rule.success for rule in chosen)
    note = f"{held:,} of {len(chosen):,} hold." if chosen else "The domain has none."
    piece = grid_piece(grid, kind, heading)
    body = element("p", text_html(note), attributes={"class": "foot-note"}) + (sortable if chosen else "")
    return Piece(section(kind, heading, body), piece.markdown, f"{note}\n{piece.plain}")


def rules_grid(rules: Sequence[Rule], heading: str, runs: int) -> Grid:
    """Return rules with their severity, result, what was found, and how they did in the last runs."""
    columns = (
        Column("Rule", number=False, classes="wrap"),
        Column("Severity", number=False, classes="severity"),
        Column("Result", number=False),
        Column("Found", number=False, classes="wrap"),
        Column(f"Last {min(runs, RULE_RUNS)}" if runs > 1 else "History", number=False, classes="history"),
    )
    return Grid(heading, columns, tuple(_rule_row(rule) for rule in rules), "rules")


def _rule_row(rule: Rule) -> Row:
    state = "passed" if rule.success else rule.severity
    word = "passed" if rule.success else "failed"
    result = f'<span class="{TONES[state]}"><span aria-hidden="true">{ICONS[state]}</span> {word}</span>'
    return Row(
        (
            Cell(rule.expected, html=f"{_said(rule.expected)}<small>{text_html(rule.place)}</small>"),
            Cell(rule.severity),
            Cell(word, html=result),
            Cell(rule.observed, html=_said(rule.observed)),
            _history_cell(rule),
        )
    )


def _history_cell(rule: Rule) -> Cell:
    shown = rule.history[-RULE_RUNS:]
    asked = [held for held in shown if held is not None]
    held = sum(asked)
    words = f"held in {held} of {fmt.plural(len(asked), 'run')}"
    marks = "".join("·" if item is None else "✓" if item else "<b>✗</b>" for item in shown)
    return Cell(
        words, title=words, html=f'<span class="marks" aria-hidden="true">{marks}</span>{hidden(words)}'
    )
