"""Text of a source as a message may show it: codes as they are, what may concern a person masked.

What breaks a rule is often text that nobody expected in its column. A code, such as an unknown
channel, helps to mend the data; an address or a telephone number must not leave the warehouse.
"""

from __future__ import annotations

import re
from collections.abc import Collection

LONGEST_CODE = 40
MOST_DIGITS = 6
_ADDRESS = re.compile(r"[^\s'\"@=,;()]+@[^\s'\"@=,;()]+")
_NUMBER = re.compile(r"\d{7,}")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def masked(text: str, known: Collection[str] = ()) -> str:
    """Return a text value as it may be shown.

    Parameters
    ----------
    text
        The value.
    known
        Values that the definitions name; they are shown whatever they look like.

    Examples
    --------
    >>> masked("Fax")
    'Fax'
    >>> masked("someone@example.com")
    '(masked text with @, 19 characters)'
    """
    if text in known:
        return text
    if "@" in text:
        what = "text with @"
    elif sum(sign.isdigit() for sign in text) > MOST_DIGITS:
        what = "text with many digits"
    elif len(text) > LONGEST_CODE:
        what = "long text"
    elif not text.isprintable():
        what = "text with control characters"
    else:
        return text
    return f"(masked {what}, {len(text):,} characters)"


def scrubbed(message: str) -> str:
    """Return an engine's message without the values it quotes when they may concern a person.

    Examples
    --------
    >>> scrubbed("Could not convert string 'someone@example.com' to INT64, see @as_of")
    "Could not convert string '(masked)' to INT64, see @as_of"
    """
    return _NUMBER.sub("(masked)", _ADDRESS.sub("(masked)", _QUOTED.sub(_quoted, message)))


def _quoted(match: re.Match[str]) -> str:
    text = match[0][1:-1]
    personal = _ADDRESS.search(text) or sum(sign.isdigit() for sign in text) > MOST_DIGITS
    return f"{match[0][0]}(masked){match[0][0]}" if personal else match[0]
