"""The banner that tells readers of a night that failed, on pages that were made before it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from kpi_lib.reporting.context import day
from kpi_lib.reporting.markup import text_html

NOTICE = re.compile(r'<div class="banner notice" role="status">.*?</div>\n', re.DOTALL)


@dataclass(frozen=True)
class FailedNight:
    """What the banner says: why, when, how often in a row, and when the pages were made."""

    error: str
    at: dt.datetime
    since: dt.datetime
    failures: int
    made: dt.datetime
    time_zone: str

    def html(self) -> str:
        """Return the banner; the page's script adds how long ago the pages were made."""
        zone = ZoneInfo(self.time_zone)
        at, since, made = (item.astimezone(zone) for item in (self.at, self.since, self.made))
        if self.failures == 1:
            what = f"The night of {day(at.date())} failed"
        else:
            what = (
                f"{self.failures} nights in a row have failed, the first on {day(since.date())}, "
                f"the last on {day(at.date())}"
            )
        return (
            f'<div class="banner notice" role="status">{what}: {text_html(self.error.rstrip("."))}. '
            f"These are the last good figures, made "
            f'<time data-age datetime="{made.isoformat(timespec="seconds")}">{day(made.date())}, '
            f"{made:%H:%M} {made.tzname()}</time>.</div>"
        )

    def on_page(self, text: str) -> str:
        """Return a page with this banner, in place of an older one."""
        return NOTICE.sub("", text).replace("<main", f"{self.html()}\n<main", 1)
