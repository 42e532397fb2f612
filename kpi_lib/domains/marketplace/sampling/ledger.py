"""Invoices and credit memos: documents that add up to the plan, and what must not be counted among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpi_lib.domains.marketplace.sampling.columns import Bools, Floats, Ints, dates, money, split, text
from kpi_lib.domains.marketplace.sampling.roster import Roster

#: Customer positions of documents of nobody known: without a customer, and of one that is in no table.
NOBODY, STRANGER = -1, -2
_STRANGER_ID = 9901
_FIRST_INVOICE = 20001
_FIRST_MEMO = 70001
ACCOUNTS = (
    ("1", "4000", "Services Revenue", "ServiceFeeIncome"),
    ("2", "4000 01", "Services Revenue: Placement", "ServiceFeeIncome"),
    ("3", "4000 02", "Services Revenue: Events", "ServiceFeeIncome"),
    ("4", "4100", "Marketplace Revenue", "SalesOfProductIncome"),
    ("5", "4100 01", "Marketplace Revenue GMV", "SalesOfProductIncome"),
    ("6", "4100 02", "Marketplace Revenue: Listing Fees", "SalesOfProductIncome"),
    ("7", "4190", "Discounts Given", "DiscountsRefundsGiven"),
    ("8", "4200", "Freight Charged On", "OtherPrimaryIncome"),
    ("9", "41905", "Intercompany", "OtherPrimaryIncome"),
    ("10", None, "Uncategorized Income", "OtherPrimaryIncome"),
)
SERVICES, PLACEMENT, EVENTS, GMV, FEES, DISCOUNT, FREIGHT, INTERCOMPANY = 1, 2, 3, 5, 6, 7, 8, 9
_NO_ACCOUNT = 0


@dataclass(frozen=True)
class Documents:
    """Invoices, or credit memos: whose, on which day, how much of it is net revenue, and whether deleted."""

    customer: Ints
    day: Ints
    net: Ints
    deleted: Bools

    def __len__(self) -> int:
        return len(self.day)


def make_invoices(roster: Roster, until: int, rng: np.random.Generator) -> Documents:
    """Return the planned invoices, those of nobody known, deleted ones and ones dated in the future."""
    size, years = roster.plan.shape
    share = (roster.last_days - roster.first_days + 1) / 365
    usual = np.round(rng.integers(6, 15, (size, 1)) * share)
    counts = (np.maximum(usual, 1) * (roster.plan > 0)).astype(np.int64).ravel()
    cell = np.repeat(np.arange(size * years), counts)
    customer, year = cell // years, cell % years
    planned = _batch(roster, customer, year, split(roster.plan.ravel(), counts, rng), rng)
    odd_year = np.repeat(np.arange(years), 9 * size // 60)
    whose = np.where(np.arange(len(odd_year)) % 3 == 2, STRANGER, NOBODY)
    odd = _batch(roster, whose, odd_year, rng.integers(20_000, 400_000, len(odd_year)), rng)
    some = rng.integers(0, size, 7)
    extra = _batch(roster, some, np.full(7, years - 1), rng.integers(50_000, 900_000, 7), rng)
    ahead = np.arange(7) >= 4
    extra = Documents(extra.customer, np.where(ahead, until + 5 + np.arange(7), extra.day), extra.net, ~ahead)
    return join(planned, odd, extra)


def make_memos(roster: Roster, invoices: Documents, until: int, rng: np.random.Generator) -> Documents:
    """Return credit memos: some of many, two that turn a year negative, and a deleted one."""
    size = len(invoices)
    day = invoices.day + rng.integers(1, 60, size)
    spared = np.isin(invoices.customer, [*roster.of("flat"), *roster.of("refunded"), *roster.of("credited")])
    chosen = (rng.random(size) < 0.05) & ~spared & ~invoices.deleted & (day <= until)
    some = Documents(
        invoices.customer[chosen],
        day[chosen],
        invoices.net[chosen] * rng.integers(10, 101, chosen.sum()) // 100,
        np.zeros(chosen.sum(), dtype=bool),
    )
    refunded, credited = roster.of("refunded"), roster.of("credited")
    planted = np.concatenate([roster.plan[refunded, -1] * 13 // 10, roster.plan[credited, 0] // 20, [77_700]])
    whose = np.concatenate([refunded, credited, refunded[:1]])
    deleted = np.arange(len(whose)) == len(whose) - 1
    return join(some, Documents(whose, np.full(len(whose), until), planted, deleted))


def join(*parts: Documents) -> Documents:
    """Return documents one behind the other."""
    return Documents(
        np.concatenate([part.customer for part in parts]),
        np.concatenate([part.day for part in parts]),
        np.concatenate([part.net for part in parts]),
        np.concatenate([part.deleted for part in parts]),
    )


def net_revenue(roster: Roster, invoices: Documents, memos: Documents, until: int) -> Ints:
    """Return cents by customer and year up to ``until``; the last row is that of nobody known."""
    totals = np.zeros((len(roster.ids) + 1, len(roster.first_days)), dtype=np.int64)
    for documents, sign in ((invoices, 1), (memos, -1)):
        counted = ~documents.deleted & (documents.day <= until)
        row = np.where(documents.customer < 0, len(roster.ids), documents.customer)[counted]
        year = np.searchsorted(roster.first_days, documents.day[counted], side="right") - 1
        np.add.at(totals, (row, year), sign * documents.net[counted])
    return totals


def invoice_frames(
    roster: Roster, invoices: Documents, until: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``invoice`` and ``invoice_line``."""
    lines, freight = _lines(invoices, rng)
    numbers = _FIRST_INVOICE + np.arange(len(invoices))
    total = invoices.net + freight
    unpaid = (invoices.day + 30 > until) | (rng.random(len(invoices)) < 0.03)
    head = pd.DataFrame(
        {
            "id": text(numbers),
            "customer_id": _customer_ids(roster, invoices),
            "transaction_date": dates(invoices.day),
            "due_date": dates(invoices.day + 30),
            "total_amount": money(total),
            "balance": money(np.where(unpaid, total, 0)),
            "_fivetran_deleted": invoices.deleted,
        }
    )
    return head, _line_frame("invoice_id", numbers, *lines)


def memo_frames(
    roster: Roster, memos: Documents, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``credit_memo`` and ``credit_memo_line``."""
    size = len(memos)
    numbers = _FIRST_MEMO + np.arange(size)
    account = np.where(rng.random(size) < 0.75, GMV, SERVICES)
    head = pd.DataFrame(
        {
            "id": text(numbers),
            "customer_id": _customer_ids(roster, memos),
            "transaction_date": dates(memos.day),
            "total_amount": money(memos.net),
            "balance": money(np.zeros(size, dtype=np.int64)),
            "_fivetran_deleted": memos.deleted,
        }
    )
    known = np.ones(size, dtype=bool)
    return head, _line_frame("credit_memo_id", numbers, np.arange(size), account, memos.net, known)


def account_frame() -> pd.DataFrame:
    """Return ``account``."""
    return pd.DataFrame(ACCOUNTS, columns=["id", "account_number", "name", "account_sub_type"], dtype="str")


def _batch(roster: Roster, customer: Ints, year: Ints, net: Ints, rng: np.random.Generator) -> Documents:
    first, last = roster.first_days[year], roster.last_days[year]
    day = first + (rng.random(len(year)) * (last - first + 1)).astype(np.int64)
    return Documents(np.asarray(customer), day, np.asarray(net), np.zeros(len(year), dtype=bool))


def _customer_ids(roster: Roster, documents: Documents) -> pd.Series:
    known = roster.ids[np.maximum(documents.customer, 0)]
    numbers = np.where(documents.customer == STRANGER, _STRANGER_ID, known)
    return text(numbers, documents.customer != NOBODY)


def _lines(invoices: Documents, rng: np.random.Generator) -> tuple[tuple[Ints, Ints, Ints, Bools], Ints]:
    """Return the lines (invoice, account, amount, whether it has an amount) and the freight by invoice."""
    net, size = invoices.net, len(invoices)

    def part(chance: float, low: float, high: float) -> Ints:
        share: Floats = rng.uniform(low, high, size) * (rng.random(size) < chance)
        return np.floor(net * share).astype(np.int64)

    services, events, fees = part(1, 0.09, 0.16), part(0.3, 0.03, 0.08), part(0.25, 0.01, 0.04)
    discount, freight, between = -part(0.12, 0.01, 0.03), part(0.2, 0.01, 0.05), part(0.05, 0.01, 0.05)
    gmv = net - services - events - fees - discount
    nothing = np.zeros(size, dtype=np.int64)
    placed = np.where(rng.random(size) < 0.6, PLACEMENT, SERVICES)
    kinds: list[tuple[Ints, Ints, Bools]] = [
        (np.full(size, GMV), gmv, np.ones(size, dtype=bool)),
        (placed, services, services != 0),
        (np.full(size, EVENTS), events, events != 0),
        (np.full(size, FEES), fees, fees != 0),
        (np.full(size, DISCOUNT), discount, discount != 0),
        # Subtotals repeat what the lines above them say; remarks have no amount.
        (np.full(size, _NO_ACCOUNT), net, rng.random(size) < 0.25),
        (np.full(size, FREIGHT), freight, freight != 0),
        (np.full(size, INTERCOMPANY), between, between != 0),
        (np.full(size, _NO_ACCOUNT), nothing, rng.random(size) < 0.10),
    ]
    kept = np.stack([shown for _, _, shown in kinds], axis=1)
    invoice, kind = np.nonzero(kept)
    account = np.stack([account for account, _, _ in kinds], axis=1)[invoice, kind]
    amount = np.stack([amount for _, amount, _ in kinds], axis=1)[invoice, kind]
    return (invoice, account, amount, kind != len(kinds) - 1), freight + between


def _line_frame(
    key: str, numbers: Ints, document: Ints, account: Ints, amount: Ints, known: Bools
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            key: text(numbers[document]),
            "index": np.arange(len(document)) - np.searchsorted(document, document) + 1,
            "amount": money(amount, known),
            "sales_item_account_id": text(account, account != _NO_ACCOUNT),
        }
    )
