"""From orders to money: lines, prices, discounts, tax, shipping, voids and refunds, in whole cents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kpi_lib.domains.winery.sampling import orders as o
from kpi_lib.domains.winery.sampling.edges import Edge
from kpi_lib.domains.winery.sampling.orders import Orders
from kpi_lib.domains.winery.sampling.products import Products, choose_lines
from kpi_lib.domains.winery.sampling.story import Bools, Ints, Story

_TAX_BASIS_POINTS = 775
_OLD_FEE = 3000


@dataclass(frozen=True)
class Ledger:
    """Priced orders and their lines as columns.

    ``arrival`` is the day an order reaches the sources; ``refund_day`` is −1 where nothing was refunded.
    """

    orders: Orders
    paid: Ints
    arrival: Ints
    tock: Bools
    lounge: Bools
    voided: Bools
    refund_day: Ints
    refunded: Ints
    refund: Ints
    subtotal: Ints
    discount: Ints
    tax: Ints
    tip: Ints
    shipping: Ints
    line_order: Ints
    line_product: Ints
    line_quantity: Ints
    line_price: Ints


def make_ledger(
    story: Story, orders: Orders, edges: tuple[Edge, ...], products: Products, rng: np.random.Generator
) -> Ledger:
    """Price the orders and decide what became of them."""
    size, planted = len(orders), orders.mark > 0
    fixed = np.full(size, -1)
    fixed[orders.kind == o.TOCK] = products.tasting_fee
    fixed[orders.kind == o.EVENT_FEE] = products.ticket
    line_order, line_product, line_quantity = choose_lines(products, orders.bottles, fixed, rng)
    line_price = products.frame["price"].to_numpy(dtype=np.int64)[line_product]
    old_fee = (line_product == products.tasting_fee) & (orders.day[line_order] < story.fee_change)
    line_price = np.where(old_fee, _OLD_FEE, line_price)
    firsts = np.flatnonzero(np.r_[True, np.diff(line_order) > 0])
    gross = np.add.reduceat(line_price * line_quantity, firsts)
    discount = (gross * orders.discount + 50) // 100
    subtotal = gross - discount
    tip = np.where(
        (orders.channel == o.POS) & (rng.random(size) < 0.12), subtotal * rng.integers(10, 21, size) // 100, 0
    )
    voided = (rng.random(size) < 0.006) & ~planted
    refund_day, refund = _refunds(story, orders, subtotal, voided | planted, rng)
    refunded = story.utc(np.maximum(refund_day, 0), rng.integers(32400, 64800, size))
    return Ledger(
        orders=orders,
        paid=_paid(story, orders, edges),
        arrival=_arrivals(story, orders, rng),
        tock=(orders.kind == o.TOCK) | ((orders.kind == o.EVENT_FEE) & (rng.random(size) < 0.10)),
        lounge=(orders.kind == o.LOUNGE) | ((orders.kind == o.TOCK) & (rng.random(size) < 0.15)),
        voided=voided,
        refund_day=refund_day,
        refunded=refunded,
        refund=refund,
        subtotal=subtotal,
        discount=discount,
        tax=(subtotal * _TAX_BASIS_POINTS + 5000) // 10000,
        tip=tip,
        shipping=_shipping(orders, gross, rng),
        line_order=line_order,
        line_product=line_product,
        line_quantity=line_quantity,
        line_price=line_price,
    )


def _paid(story: Story, orders: Orders, edges: tuple[Edge, ...]) -> Ints:
    again = np.array([False, *(edge.repeated_hour for edge in edges)])[orders.mark]
    paid: Ints = story.utc(orders.day, orders.second) + 3600 * again
    return paid


def _arrivals(story: Story, orders: Orders, rng: np.random.Generator) -> Ints:
    """Return the day each order reaches the sources: a few of the web and the telephone come days late."""
    arrival = orders.day + rng.integers(1, 5, len(orders))
    late = np.isin(orders.channel, (o.WEB, o.INBOUND)) & (orders.mark == 0) & (rng.random(len(orders)) < 0.02)
    return np.where(late & (arrival < story.size), arrival, orders.day)


def _refunds(
    story: Story, orders: Orders, subtotal: Ints, never: Bools, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    size = len(orders)
    day = story.reopened(orders.day + 1 + rng.exponential(9.0, size).astype(np.int64))
    chosen = (rng.random(size) < 0.014) & ~never & (day < story.size)
    part = subtotal * rng.integers(20, 81, size) // 100
    amount = np.where(rng.random(size) < 0.6, subtotal, np.maximum(part, 1))
    return np.where(chosen, day, -1), np.where(chosen, amount, 0)


def _shipping(orders: Orders, gross: Ints, rng: np.random.Generator) -> Ints:
    chance = rng.random(len(orders))
    plain = orders.kind == o.PLAIN
    sent = plain & np.isin(orders.channel, (o.WEB, o.INBOUND)) & (gross < 40000)
    delivered = plain & (orders.channel == o.CLUB) & (chance < 0.65)
    flat = np.where(sent, 1500 + 250 * orders.bottles, np.where(delivered, 1900 + 200 * orders.bottles, 0))
    return np.asarray(flat, dtype=np.int64)
