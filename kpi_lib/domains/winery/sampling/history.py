"""The sources as they were on an earlier evening: what had not happened or arrived by then is not there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from kpi_lib.domains.winery.sampling.story import ZONE
from kpi_lib.domains.winery.sampling.tables import money


def frames_known_on(
    frames: Mapping[str, pd.DataFrame], day: dt.date, late: Mapping[int, dt.date]
) -> dict[str, pd.DataFrame]:
    """Return the frames as they were when ``day`` was over.

    Parameters
    ----------
    frames
        The whole sample.
    day
        The last business date that is known.
    late
        Order id to the day it arrived, for orders that came late.
    """
    evening = pd.Timestamp(dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZONE))
    unseen = [number for number, arrival in late.items() if arrival > day]
    known = dict(frames)
    orders = frames["stg_order"]
    orders = orders[(orders["paid_at"] < evening) & ~orders["order_id"].isin(unseen)].reset_index(drop=True)
    known["stg_order"] = _without_later_refunds(orders, evening)
    known["stg_order_item"] = _of(frames["stg_order_item"], "order_id", orders)
    visits = frames["stg_tock_reservation"]
    visits = visits[visits["reservation_datetime"] < evening.tz_localize(None)].reset_index(drop=True)
    known["stg_tock_reservation"] = visits
    known["stg_tock_guest"] = _of(frames["stg_tock_guest"], "reservation_id", visits)
    members = frames["stg_club_membership"]
    members = members[members["signup_at"] < evening].reset_index(drop=True)
    known["stg_club_membership"] = members.assign(
        cancel_at=members["cancel_at"].where(members["cancel_at"] < evening)
    )
    customers = frames["dim_customer"]
    later = customers["first_order_date"] >= evening.tz_localize(None)
    known["dim_customer"] = customers[~later].reset_index(drop=True)
    return known


def _of(frame: pd.DataFrame, key: str, parents: pd.DataFrame) -> pd.DataFrame:
    return frame[frame[key].isin(parents[key])].reset_index(drop=True)


def _without_later_refunds(orders: pd.DataFrame, evening: pd.Timestamp) -> pd.DataFrame:
    later = orders["refunded_at"] >= evening
    nothing = money(np.zeros(len(orders), dtype=np.int64))
    return orders.assign(
        status=orders["status"].mask(later, "paid"),
        refunded_at=orders["refunded_at"].mask(later),
        refund_amount=orders["refund_amount"].mask(later, nothing),
    )
