"""The product list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpi_lib.domains.winery.sampling.story import Ints

# name, type, varietal, price in dollars, bottle in ml, years from harvest to release
_WINES = (
    ("Hillside Cabernet", "Red Wine", "Cabernet Sauvignon", 78, 750, 3),
    ("Hillside Cabernet Magnum", "Red Wine", "Cabernet Sauvignon", 165, 1500, 3),
    ("Creek Block Merlot", "Red Wine", "Merlot", 52, 750, 3),
    ("Old Barn Zinfandel", "Red Wine", "Zinfandel", 44, 750, 2),
    ("Ridge Pinot Noir", "Red Wine", "Pinot Noir", 58, 750, 2),
    ("Larkspur Red", "Red Wine", "Blend", 36, 750, 2),
    ("Gravel Syrah", "Red Wine", "Syrah", 48, 750, 3),
    ("East Slope Chardonnay", "White Wine", "Chardonnay", 42, 750, 1),
    ("Unoaked Chardonnay", "White Wine", "Chardonnay", 32, 750, 1),
    ("Fog Line Sauvignon Blanc", "White Wine", "Sauvignon Blanc", 30, 750, 1),
    ("Dry Riesling", "White Wine", "Riesling", 29, 750, 1),
    ("Saignée Rosé", "Rosé Wine", "Pinot Noir", 28, 750, 1),
    ("Brut Reserve", "Sparkling Wine", "Blend", 48, 750, 3),
    ("Late Harvest", "Dessert Wine", "Semillon", 38, 375, 2),
)
_OTHERS = (
    ("Logo Glass", "Merchandise", 16),
    ("Corkscrew", "Merchandise", 24),
    ("Picnic Blanket", "Merchandise", 59),
    ("Cheese Board", "Food", 28),
    ("Tasting Fee", "Tasting", 35),
    ("Event Ticket", "Event", 95),
)
_MERCHANDISE_SHARE = 0.07


@dataclass(frozen=True)
class Products:
    """Products as a frame (``price`` in cents), and which rows play which part."""

    frame: pd.DataFrame
    wine: Ints
    merchandise: Ints
    tasting_fee: int
    ticket: int

    @property
    def item_types(self) -> np.ndarray:
        """The ``item_type`` of a line that sells each product."""
        return np.where(
            self.frame["type"].str.endswith("Wine").to_numpy(dtype=bool),
            "Wine",
            self.frame["type"].to_numpy(),
        )


def make_products(year: int) -> Products:
    """Return the product list: two vintages of each wine on sale in ``year``, and what else is sold."""
    rows: list[tuple[str, str, int | None, str | None, int | None, int]] = [
        (f"{title} {year - age - back}", kind, year - age - back, varietal, ml, 100 * price - 200 * back)
        for title, kind, varietal, price, ml, age in _WINES
        for back in (0, 1)
    ]
    rows += [(title, kind, None, None, None, 100 * price) for title, kind, price in _OTHERS]
    frame = pd.DataFrame(rows, columns=["title", "type", "vintage", "varietal", "bottle_ml", "price"])
    frame.insert(0, "product_id", np.arange(1, len(frame) + 1))
    frame.insert(1, "sku", [f"LR-{number:03d}" for number in frame["product_id"]])
    frame = frame.astype({"vintage": "Int64", "bottle_ml": "Int64", "varietal": "str"})
    wines = 2 * len(_WINES)
    return Products(
        frame,
        wine=np.arange(wines),
        merchandise=np.arange(wines, wines + 4),
        tasting_fee=wines + 4,
        ticket=wines + 5,
    )


def choose_lines(
    products: Products, bottles: Ints, fixed: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Spread each order's bottles over lines.

    Parameters
    ----------
    products
        The product list.
    bottles
        Pieces an order holds, at least one.
    fixed
        The product row that every piece of the order is, or −1 for a choice of wines.
    rng
        The source of chance.

    Returns
    -------
    tuple
        Order row, product row and quantity of every line, in order.
    """
    lines = np.where(fixed >= 0, 1, np.minimum(1 + (bottles - 1) // 2, 4))
    order = np.repeat(np.arange(len(bottles)), lines)
    first = np.cumsum(lines) - lines
    number = np.arange(len(order)) - first[order]
    share, rest = bottles // lines, bottles % lines
    quantity = share[order] + (number < rest[order])
    cheap = products.frame["price"].to_numpy()[products.wine] <= 10000
    weights = np.where(cheap, 1.0, 0.12)
    product = rng.choice(products.wine, len(order), p=weights / weights.sum())
    other = rng.random(len(order)) < _MERCHANDISE_SHARE
    product = np.where(other, rng.choice(products.merchandise, len(order)), product)
    product = np.where(fixed[order] >= 0, fixed[order], product)
    return order, product.astype(np.int64), quantity.astype(np.int64)
