"""What a chart gains where a script runs: a place to point at for every reading, with its words.

The readings are formatted here, by the same rules as the tables: the script in the page works out no
number and no date of its own, so no time zone can shift one. The layers are left out of the static drawing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kpi_lib.reporting.theme import tokens

if TYPE_CHECKING:
    from kpi_lib.reporting.plotting import Sketch

Spec = dict[str, Any]
#: Layers with a name that starts so are drawn by the script alone; ``at`` is the reading pointed at.
LIVE = "live"
HITS = f"{LIVE}_hits"
READINGS = "readings"
AT = "at"
_COLOUR = re.compile(r'"(#[0-9a-f]{6})"')


@dataclass(frozen=True)
class Reading:
    """What is said at one place of a chart: ``lines`` under a ``title``."""

    title: str
    lines: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The lines as the script shows them."""
        return [self.title, *self.lines]


def rows_of(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """Return readings as rows of data, numbered from 1."""
    return [{"i": number, "t": reading.words} for number, reading in enumerate(readings, start=1)]


def live_chart(mark: str, data: str, name: str, **style: Any) -> Any:
    """Return a layer that only the script draws, still without encodings."""
    import altair as alt

    chart = alt.Chart(alt.NamedData(data)).properties(name=f"{LIVE}_{name}")
    return getattr(chart, f"mark_{mark}")(**style)


def shown_at(condition: str = f"datum.i === {AT}") -> Any:
    """Return an opacity that is full at the reading pointed at."""
    import altair as alt

    return alt.condition(condition, alt.value(1), alt.value(0))


def pointing() -> Any:
    """Return the parameter that holds the number of the reading pointed at; none is 0."""
    import altair as alt

    return alt.param(name=AT, value=0)


def still(spec: Spec) -> Spec:
    """Return a chart without what only the script draws."""
    if "layer" not in spec:
        return spec
    kept = [layer for layer in spec["layer"] if not str(layer.get("name", "")).startswith(LIVE)]
    used = {layer.get("data", {}).get("name") for layer in kept}
    data = {name: rows for name, rows in spec.get("datasets", {}).items() if name in used}
    rest = {name: value for name, value in spec.items() if name != "params"}
    return {**rest, "layer": kept, "datasets": data} if data else {**rest, "layer": kept}


def is_live(spec: Spec) -> bool:
    """Return whether a chart has readings."""
    return bool(spec.get("datasets", {}).get(READINGS))


def page_data(sketch: Sketch) -> str:
    """Return what the script draws, as JSON for a page: the wide chart, and in what the narrow one differs.

    Its colours are those of the style sheet, so that they follow the scheme.
    """
    wide, narrow = _plain(sketch.wide), _plain(sketch.narrow)
    text = json.dumps(
        {"spec": wide, "narrow": difference(wide, narrow) or {}}, ensure_ascii=False, separators=(",", ":")
    )
    names = {colour.lower(): name for name, colour in tokens().light.items()}
    text = _COLOUR.sub(lambda found: f'"var(--{names[found[1]]})"' if found[1] in names else found[0], text)
    # Nothing in the data can be taken for markup by the element that holds it.
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def difference(before: Any, after: Any) -> Any:
    """Return how to make ``after`` of ``before``: by key or place, or ``{"=": value}`` to take its place.

    ``{"last": n}`` keeps the last rows of a list; None is for what stays as it is.
    """
    if before == after:
        return None
    if isinstance(before, list) and isinstance(after, list) and after and before[-len(after) :] == after:
        return {"last": len(after)}
    same_keys = isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys()
    same_length = isinstance(before, list) and isinstance(after, list) and len(before) == len(after)
    if not (same_keys or same_length) or not before:
        return {"=": after}
    pairs = before if same_keys else range(len(before))
    steps = {str(key): difference(before[key], after[key]) for key in pairs}
    return {key: step for key, step in steps.items() if step is not None}


def _plain(spec: Spec) -> Spec:
    made: Spec = json.loads(json.dumps(spec, allow_nan=False, default=str))
    made.pop("$schema", None)
    return made
