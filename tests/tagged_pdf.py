"""What a tagged PDF says of its structure."""

from __future__ import annotations

from typing import Any

from pypdf import PdfReader
from pypdf.generic import DictionaryObject


def tags(reader: PdfReader) -> list[DictionaryObject]:
    """Every structure element, in no order."""
    found: list[DictionaryObject] = []
    waiting: list[Any] = [reader.trailer["/Root"]["/StructTreeRoot"]]  # type: ignore[index]
    while waiting:
        item = waiting.pop().get_object()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, DictionaryObject):
            if "/S" in item:
                found.append(item)
            if "/K" in item:
                waiting.append(item["/K"])
    return found
