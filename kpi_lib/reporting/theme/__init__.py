"""Colours, fonts and the style sheet: ``tokens.toml`` decides, everything that is drawn reads it."""

from __future__ import annotations

import functools
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
FONTS = FOLDER / "fonts"
_BLOCK = re.compile(r"(/\* tokens: made from tokens\.toml \*/\n).*?(/\* end of tokens \*/)", re.DOTALL)
_CARD = re.compile(r"\.card\b")
_FRAME = re.compile(r"(^|[},{\n])(nav|header|footer)\b")


@dataclass(frozen=True)
class Tokens:
    """The named colours of both schemes and the two type families."""

    light: dict[str, str]
    dark: dict[str, str]
    text: str
    serif: str

    def __getitem__(self, name: str) -> str:
        """Return the light colour of a name."""
        return self.light[name]


@functools.cache
def tokens() -> Tokens:
    """Return the tokens of ``tokens.toml``."""
    data = tomllib.loads((FOLDER / "tokens.toml").read_text(encoding="utf-8"))
    return Tokens(data["light"], data["dark"], data["fonts"]["text"], data["fonts"]["serif"])


def stylesheet() -> str:
    """Return ``site.css`` with its block of custom properties made from the tokens."""
    css = (FOLDER / "site.css").read_text(encoding="utf-8")
    return _BLOCK.sub(lambda match: match[1] + _properties() + match[2], css, count=1)


def quarto_stylesheet() -> str:
    """Return the style sheet of Quarto's pages: fonts, tokens and the rules of what notebooks show.

    The page round it is Quarto's own. Bootstrap has cards too, so ours are tiles there; its paper and ink
    are ours, in both schemes.
    """
    css = stylesheet()
    fonts, tokens_block = css[: css.index("/* tokens")], _BLOCK.search(css)
    rules = _CARD.sub(".tile", _FRAME.sub(r"\1.kpi-\2", css[css.index("/* words */") :]))
    own = (
        "[hidden]{display:none!important}.ok{color:var(--good)}.warn{color:var(--bad)}"
        ".sr{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}"
        "body{background:var(--paper);color:var(--ink);"
        "--bs-body-bg:var(--paper);--bs-body-color:var(--ink);--bs-border-color:var(--hair)}"
        "body .card{background:var(--paper);color:var(--ink);border-color:var(--hair)}"
        ".banner{padding:10px 16px;background:var(--warnbg);border-left:3px solid var(--bad)}"
    )
    return f"{fonts}{tokens_block[0] if tokens_block else ''}\n{own}\n{rules}"


def notebook_style() -> str:
    """Return the style sheet for outputs in JupyterLab: the same rules, kept to the outputs alone."""
    css = (FOLDER / "site.css").read_text(encoding="utf-8")
    rules = css[css.index("/* words */") :]
    both = tokens()
    light = "".join(f"--{key}:{value};" for key, value in both.light.items())
    dark = "".join(f"--{key}:{value};" for key, value in both.dark.items())
    base = f'color:var(--ink);font-family:"{both.text}",system-ui,sans-serif;font-feature-settings:"tnum"'
    own = (
        ".sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
        "table{table-layout:auto}.card,tbody th a{color:inherit;text-decoration:none}.win,.more{display:none}"
    )
    # Named twice, so that these rules win over JupyterLab's own.
    scope = ".jp-OutputArea-output.jp-OutputArea-output"
    return f'{scope}{{{light}{base}}}[data-jp-theme-light="false"] {scope}{{{dark}}}{scope}{{{rules}{own}}}'


def web_fonts() -> tuple[Path, ...]:
    """Return the font files of the site."""
    return tuple(sorted(FONTS.glob("*.woff2")))


def print_fonts() -> tuple[Path, ...]:
    """Return the font files for Typst and for drawing charts."""
    return tuple(sorted(FONTS.glob("*.ttf")))


@functools.cache
def unprintable() -> str:
    """Return a regular expression for a character that the fonts for print do not have.

    Typst refuses a tagged PDF with such a character, and a name may hold any.
    """
    from fontTools.ttLib import TTFont

    with TTFont(FONTS / "Inter-Regular.ttf", lazy=True) as font:
        held = sorted(font.getBestCmap())
    ranges: list[list[int]] = []
    for code in held:
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    parts = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)
    return f"[^\\s\\x{{200b}}{parts}]"


def write_assets(folder: Path) -> None:
    """Write the style sheet, the web fonts and their licences into a site's ``assets`` folder."""
    (folder / "fonts").mkdir(parents=True, exist_ok=True)
    (folder / "site.css").write_text(stylesheet(), encoding="utf-8")
    for path in (*web_fonts(), *sorted(FONTS.glob("*-OFL.txt"))):
        shutil.copyfile(path, folder / "fonts" / path.name)


def _properties() -> str:
    def scheme(colours: dict[str, str], name: str) -> str:
        return "".join(f"--{key}:{value};" for key, value in colours.items()) + f"color-scheme:{name}"

    both = tokens()
    return (
        f":root{{{scheme(both.light, 'light')}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{scheme(both.dark, 'dark')}}}}}\n"
    )
