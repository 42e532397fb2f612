"""From a Vega-Lite specification to the SVG of a page: drawn with the shipped fonts, tamed for inlining."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from kpi_lib.reporting.live import still
from kpi_lib.reporting.markup import text_html
from kpi_lib.reporting.theme import FONTS, tokens

Spec = dict[str, Any]
Converter = Callable[[Spec], str]

_VIEWBOX = re.compile(r'viewBox="([^"]+)"')
_ARIA = re.compile(r'\s(?:role|aria-[a-z]+|class|cursor|pointer-events)="[^"]*"|\sopacity="1"')
_EMPTY = re.compile(
    r'<g[^>]*(?<!/)></g>|<g[^>]*/>|<path[^>]*\bd="(?:M0,0h0v0h0Z)?"[^>]*/>|<title>[^<]*</title>'
)
_LONG = re.compile(r"(\d+\.\d{2})\d+")
_converter: Converter | None = None


def set_converter(converter: Converter | None) -> None:
    """Let something else draw, e.g. one warm process for many notebooks; None draws here again."""
    global _converter
    _converter = converter


def to_svg(spec: Spec) -> str:
    """Return the SVG of a Vega-Lite specification, drawn in this process."""
    return str(_vl_convert().vegalite_to_svg(spec))


def draw(spec: Spec) -> str:
    """Return the SVG of a specification from whoever draws."""
    return (_converter or to_svg)(still(spec))


def standalone(svg: str, description: str) -> str:
    """Return a drawing as a file of its own: its colours as they are, its description inside."""
    body = _tamed(svg)
    size = _size(svg)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}"'
        f' height="{size[1]}" role="img" aria-label="{text_html(description)}">'
        f"<title>{text_html(description)}</title>{body}</svg>"
    )


def inline(svg: str, description: str, name: str) -> str:
    """Return a drawing for a page: its colours follow the scheme, the description is its accessible name."""
    width, height = _size(svg)
    return (
        f'<svg class="{name}" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{text_html(description)}">{_variables(_tamed(svg))}</svg>'
    )


def _size(svg: str) -> tuple[str, str]:
    box = _VIEWBOX.search(svg)
    _, _, width, height = box[1].split() if box else ("0", "0", "0", "0")
    return f"{float(width):g}", f"{float(height):g}"


def _tamed(svg: str) -> str:
    """Drop the frame, roles, empty groups and excess digits; what is left is only shapes."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = _ARIA.sub("", body)
    for _ in range(3):
        body = _EMPTY.sub("", body)
    return _LONG.sub(r"\1", body)


def _variables(body: str) -> str:
    return _colours().sub(lambda match: f"var(--{_names()[match[0].lower()]},{match[0]})", body)


@functools.cache
def _names() -> dict[str, str]:
    return {colour.lower(): name for name, colour in tokens().light.items()}


@functools.cache
def _colours() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, _names())), re.IGNORECASE)


@functools.cache
def _vl_convert() -> Any:
    import vl_convert

    vl_convert.register_font_directory(str(FONTS))
    return vl_convert
