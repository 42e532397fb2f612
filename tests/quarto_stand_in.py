"""Stands in for quarto in tests; ``stand_in.json`` beside it says which version, and what goes wrong."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CDN = (
    '<script src="https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js"></script>'
    '<link href="https://fonts.example.org/css" rel="stylesheet">'
    "<script type='application/javascript'>define('jquery', [],function() {return window.jQuery;})</script>"
)


def main(arguments: list[str]) -> int:
    """Answer a call as Quarto would, as far as the tests look."""
    settings = json.loads((HERE / "stand_in.json").read_text())
    if arguments == ["--version"]:
        print(settings["version"])
        return 0
    if settings["mode"] == "fail":
        print("ERROR: something is wrong\n  in line 3", file=sys.stderr)
        return 1
    source, out = Path(arguments[1]), Path(arguments[arguments.index("--output-dir") + 1])
    assert not out.is_absolute(), "Quarto wants it relative to the project"
    folder = source if source.is_dir() else source.parent
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    (HERE / "calls.json").write_text(json.dumps([arguments, files]))
    (folder / out).mkdir()
    if "-o" in arguments:
        (folder / out / arguments[arguments.index("-o") + 1]).write_bytes(b"%PDF-1.7")
        return 0
    profile = json.loads((folder / "_quarto-run.yml").read_text())
    for name in profile["project"]["render"]:
        page = (folder / out / name).with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        source = folder / name
        if source.suffix == ".qmd":
            listed = json.loads((source.parent / "days.yml").read_text())
            page.write_text(listing_of(listed, profile["format"]["html"]))
            continue
        page.write_text(page_of(source, profile["format"], settings["mode"]))
    (folder / out / "site_libs").mkdir()
    (folder / out / "site_libs" / "x.js").write_text("1")
    entries = [{"href": str(Path(name).with_suffix(".html"))} for name in profile["project"]["render"]]
    (folder / out / "search.json").write_text(json.dumps(entries))
    return 0


def listing_of(items: list[dict[str, str]], includes: dict[str, Any]) -> str:
    """Return a listing's page."""
    links = "".join(f'<a href="./{item["path"]}">{item["title"]}</a>' for item in items)
    head = includes["include-in-header"][0]["text"]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><title>Archive</title>{head}</head>'
        f"<body><h1>Archive</h1>{links}</body></html>"
    )


def page_of(notebook: Path, formats: dict[str, Any], mode: str) -> str:
    """Return a page with what Quarto puts in, other hosts included, in the format that it names."""
    cells = json.loads(notebook.read_text())["cells"]
    named = re.search(r'^format: "(\w+)"$', "".join(cells[0]["source"]), re.MULTILINE)
    assert named is not None, "without a format of its own a page is made in every one"
    includes = formats[named[1]]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    assert not any("text/html" in output for output in outputs), "require.js would come with it"
    raw = ["".join(output.get("text/markdown", [])) for output in outputs]
    body = "".join(re.sub(r"^`{3,}(\{=html\})?$", "", text, flags=re.MULTILINE) for text in raw)
    if mode == "nothing":
        body = "Unable to display output for mime type(s): x/y"
    head, before, after = (
        includes[f"include-{place}"][0]["text"] for place in ("in-header", "before-body", "after-body")
    )
    return (
        "<!DOCTYPE html>\n<html xmlns='http://www.w3.org/1999/xhtml' lang='en'>"
        f"<head><title>{notebook.stem}</title>{CDN}{head}</head><body>{before}{body}{after}</body></html>"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
