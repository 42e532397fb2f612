"""The source frames: columns and types as ``sources.toml`` declares them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from kpi_lib.domains.winery.sampling import orders as o
from kpi_lib.domains.winery.sampling.club import CLUBS, Club
from kpi_lib.domains.winery.sampling.ledger import Ledger
from kpi_lib.domains.winery.sampling.products import Products
from kpi_lib.domains.winery.sampling.story import Bools, Ints, Story
from kpi_lib.domains.winery.sampling.visits import EXPERIENCES, STATUSES, Visits

FIRST_ORDER_ID = 100001
_REGIONS = ("CA", "OR", "WA", "NV", "AZ", "TX", "NY", "FL", "CO", "IL")
_NEW_CUSTOMER_SHARE = (0.62, 0.0, 0.30, 0.12)


def money(cents: Ints) -> pd.Series:
    """Return cents as exact decimals with two places."""
    raw = np.ascontiguousarray(np.stack([cents, cents >> 63], axis=1), dtype="<i8")
    array = pa.Decimal128Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(raw)])
    return pd.Series(pd.arrays.ArrowExtensionArray(array))


def text(names: Sequence[str | None], codes: Ints) -> pd.Series:
    """Return names by their position, as text."""
    return pd.Series(pd.array(list(names), dtype="str").take(np.asarray(codes)))


def stamps(seconds: Ints, known: Bools | None = None) -> pd.Series:
    """Return seconds since the epoch as UTC timestamps, null where not ``known``."""
    moments = seconds.astype("datetime64[s]").astype("datetime64[us]")
    if known is not None:
        moments = np.where(known, moments, np.datetime64("NaT", "us"))
    return pd.Series(pd.DatetimeIndex(moments, tz="UTC"))


def dates(story: Story, days: Ints, known: Bools | None = None) -> pd.Series:
    """Return day indices as dates, null where not ``known``."""
    found = (np.datetime64(story.start, "D") + days).astype("datetime64[us]")
    return pd.Series(found if known is None else np.where(known, found, np.datetime64("NaT", "us")))


def order_frame(story: Story, ledger: Ledger, customers: Ints) -> pd.DataFrame:
    """Return ``stg_order``."""
    orders, size = ledger.orders, len(ledger.orders)
    event = np.select([orders.kind == o.EVENT_FEE, orders.kind == o.EVENT_WINE], [0, 1], 2)
    refunded = ledger.refund_day >= 0
    customer = pd.array(customers, dtype="Int64")
    customer[customers == o.WALK_IN] = pd.NA
    return pd.DataFrame(
        {
            "order_id": FIRST_ORDER_ID + np.arange(size),
            "paid_at": stamps(ledger.paid),
            "order_date": dates(story, orders.day),
            "channel": text(o.CHANNELS, orders.channel),
            "customer_id": customer,
            "location": text(o.LOCATIONS, orders.location),
            "external_order_vendor": text(("Tock", None), np.where(ledger.tock, 0, 1)),
            "tasting_lounge": ledger.lounge,
            "event_fee_or_wine": text(("Event Fee", "Event Wine", None), event),
            "event_specific_sale": event < 2,
            "event_revenue_realization_date": dates(story, orders.realized, orders.realized >= 0),
            "status": text(("paid", "refunded", "voided"), np.where(ledger.voided, 2, refunded.astype(int))),
            "refunded_at": stamps(ledger.refunded, refunded),
            "refund_amount": money(ledger.refund),
            "subtotal": money(ledger.subtotal),
            "discount": money(ledger.discount),
            "tax": money(ledger.tax),
            "tip": money(ledger.tip),
            "shipping": money(ledger.shipping),
            "total": money(ledger.subtotal + ledger.tax + ledger.tip + ledger.shipping),
            "currency": text(("USD",), np.zeros(size, dtype=np.int64)),
        }
    )


def item_frame(ledger: Ledger, products: Products) -> pd.DataFrame:
    """Return ``stg_order_item``."""
    order = ledger.line_order
    first = np.searchsorted(order, order)
    kinds, kind = np.unique(products.item_types.astype(str), return_inverse=True)
    return pd.DataFrame(
        {
            "order_id": FIRST_ORDER_ID + order,
            "line_no": np.arange(len(order)) - first + 1,
            "product_id": products.frame["product_id"].to_numpy()[ledger.line_product],
            "item_type": text(kinds.tolist(), kind[ledger.line_product]),
            "quantity": ledger.line_quantity,
            "unit_price": money(ledger.line_price),
            "paid_at": stamps(ledger.paid[order]),
        }
    )


def product_frame(products: Products) -> pd.DataFrame:
    """Return ``stg_product``."""
    return products.frame.assign(price=money(products.frame["price"].to_numpy(dtype=np.int64)))


def reservation_frames(
    story: Story, visits: Visits, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``stg_tock_reservation`` and ``stg_tock_guest``."""
    size = len(visits.day)
    moments = (np.datetime64(story.start, "s") + 86400 * visits.day + visits.second).astype("datetime64[us]")
    numbers = 500001 + np.arange(size)
    reservations = pd.DataFrame(
        {
            "reservation_id": numbers,
            "experience_name": text([item.name for item in EXPERIENCES], visits.experience),
            "reservation_datetime": moments,
            "location": text(o.LOCATIONS, visits.location),
            "party_size": visits.party,
            "status": text(STATUSES, visits.status),
            "final_total": money(visits.cents),
        }
    )
    of = np.repeat(np.arange(size), visits.party)
    club = np.array([item.attribution == "Club" for item in EXPERIENCES])[visits.experience[of]]
    guests = pd.DataFrame(
        {
            "guest_id": 900001 + np.arange(len(of)),
            "reservation_id": numbers[of],
            "is_new": rng.random(len(of)) < np.where(club, 0.12, 0.58),
        }
    )
    return reservations, guests


def membership_frame(story: Story, club: Club) -> pd.DataFrame:
    """Return ``stg_club_membership``."""
    ended = club.cancel_day < story.size
    return pd.DataFrame(
        {
            "membership_id": 1 + np.arange(len(club.customer)),
            "customer_id": club.customer,
            "club": text(CLUBS, club.club),
            "signup_at": stamps(story.utc(club.signup_day, club.signup_second)),
            "cancel_at": stamps(story.utc(club.cancel_day, club.cancel_second), ended),
            "location": text(o.LOCATIONS, club.location),
        }
    )


def experience_frame() -> pd.DataFrame:
    """Return ``dim_experience``."""
    return pd.DataFrame(
        {
            "experience": [item.name for item in EXPERIENCES],
            "attribution": [item.attribution for item in EXPERIENCES],
        },
        dtype="str",
    )


def name_customers(orders: o.Orders, members: int, rng: np.random.Generator) -> Ints:
    """Return each order's customer: a member, someone known before the sample, someone new, or nobody."""
    someone = orders.customer == o.SOMEONE
    new = someone & (rng.random(len(orders)) < np.array(_NEW_CUSTOMER_SHARE)[orders.channel])
    known = members + 1 + rng.integers(0, o.KNOWN_CUSTOMERS, len(orders))
    fresh = members + o.KNOWN_CUSTOMERS + np.cumsum(new)
    return np.where(new, fresh, np.where(someone, known, orders.customer))


def customer_frame(
    story: Story, club: Club, orders: o.Orders, customers: Ints, rng: np.random.Generator
) -> pd.DataFrame:
    """Return ``dim_customer``: everyone who ever ordered or joined."""
    members = len(club.customer)
    count = max(int(customers.max()), members + o.KNOWN_CUSTOMERS)
    never = np.iinfo(np.int64).max
    first = np.full(count + 1, never)
    np.minimum.at(first, customers, orders.day)
    before = np.arange(1, members + 1)[club.signup_day < 0]
    first[before] = club.signup_day[before - 1]
    first[members + 1 : members + 1 + o.KNOWN_CUSTOMERS] = -rng.integers(1, 2200, o.KNOWN_CUSTOMERS)
    first = first[1:]
    weights = np.array([62, 5, 5, 4, 4, 7, 4, 4, 3, 2]) / 100
    return pd.DataFrame(
        {
            "customer_id": np.arange(1, count + 1),
            "first_order_date": dates(story, np.where(first == never, 0, first), first != never),
            "region": text(_REGIONS, rng.choice(len(_REGIONS), count, p=weights)),
        }
    )
