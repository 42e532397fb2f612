"""Calls to a warehouse over a network: tried again while that may help, never longer than we said."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from kpi_lib.catalogue.profiles import Deadlines
from kpi_lib.errors import KpiError, WarehouseError
from kpi_lib.warehouse.google_failures import Place, explain, foreign_errors, is_transient

T = TypeVar("T")


class Listener(Protocol):
    """Who counts the failures of connections in a row."""

    def reached(self) -> None:
        """Hear that a call was answered."""

    def lost(self, error: KpiError) -> None:
        """Hear that the warehouse could not be reached, after every try."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a call returned, and how often it was tried."""

    value: T
    tries: int


@dataclass(frozen=True)
class Patience:
    """How calls to one warehouse are made.

    Parameters
    ----------
    place
        Whom messages name.
    deadlines
        From the profile.
    listener
        Told when the warehouse answers and when it does not.
    """

    place: Place
    deadlines: Deadlines
    listener: Listener | None = None

    def call(self, doing: str, work: Callable[[float], T]) -> T:
        """Return what ``work`` returns; see :meth:`answer`."""
        return self.answer(doing, work).value

    def answer(self, doing: str, work: Callable[[float], T]) -> Answer[T]:
        """Call until it works, is refused, or the deadline for outages has passed.

        Parameters
        ----------
        doing
            The table or step, for messages.
        work
            Called with the seconds that one request may stay silent; it must be safe to call twice.

        Raises
        ------
        WarehouseError
            When the warehouse could not be reached until the deadline.
        KpiError
            When it refused; what and why, and what to do.
        """
        import tenacity

        bounds = self.deadlines
        end = time.monotonic() + bounds.outage
        tries = 0

        def once() -> T:
            nonlocal tries
            tries += 1
            return work(min(bounds.request, max(end - time.monotonic(), 1.0)))

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_transient),
            wait=tenacity.wait_random_exponential(bounds.first_wait, max=bounds.longest_wait)
            + tenacity.wait_random(bounds.first_wait / 4, bounds.first_wait / 2),
            stop=tenacity.stop_before_delay(bounds.outage),
            reraise=True,
        )
        try:
            value = retrying(once)
        except foreign_errors() as error:
            self._tell(error, told := explain(error, self.place, doing, tries))
            raise told from error
        if self.listener is not None:
            self.listener.reached()
        return Answer(value, tries)

    def _tell(self, error: BaseException, told: KpiError) -> None:
        if self.listener is None:
            return
        if is_transient(error) and isinstance(told, WarehouseError):
            self.listener.lost(told)
        else:
            # A refusal is an answer.
            self.listener.reached()
