"""Sums over spans: exact whatever lies before, in however many blocks they are made."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kpi_lib.compute.sums import ExactSums, runs_of
from kpi_lib.errors import FrameError


def total(matrix: np.ndarray, money: bool = False, there: np.ndarray | None = None) -> ExactSums:
    width = matrix.shape[1]
    there = ~np.isnan(matrix) if there is None else there
    names = [f"series {place}" for place in range(width)]
    return ExactSums.total(matrix, np.arange(width), there, np.full(width, money), names)


def between(sums: ExactSums, first: list[int], until: list[int]) -> list[list[float]]:
    return sums.between(np.array(first), np.array(until)).tolist()


@pytest.mark.parametrize("width", [1, 3, 50])
def test_totals_run_on_over_blocks(width: int) -> None:
    # More cells than one block holds, so that every block has to go on where the last one ended.
    days = 300_000 // width
    matrix = np.random.default_rng(width).integers(-9, 10, (days, width)).astype(float)
    sums = total(matrix)
    assert not len(sums.split)
    np.testing.assert_array_equal(sums.high[-1], matrix.sum(axis=0))
    np.testing.assert_array_equal(sums.high[1 : days + 1], np.cumsum(matrix, axis=0))
    assert between(sums, [days - 2], [days]) == [matrix[-2:].sum(axis=0).tolist()]


def test_days_that_are_not_there_add_nothing_in_any_block() -> None:
    matrix = np.ones((200_000, 2))
    matrix[150_000:160_000, 1] = np.nan
    assert between(total(matrix), [0], [200_000]) == [[200_000.0, 190_000.0]]
    there = np.ones(matrix.shape, bool)
    there[150_000:160_000] = False
    there[:5, 0] = False
    assert between(total(np.ones(matrix.shape), there=there), [0], [200_000]) == [[189_995.0, 190_000.0]]


def test_a_fraction_in_the_last_block_makes_the_series_one_of_fractions() -> None:
    matrix = np.ones((200_000, 1))
    matrix[-1] = 0.5
    sums = total(matrix)
    assert sums.split.tolist() == [0]
    assert between(sums, [199_990], [200_000]) == [[9.5]]


def test_money_is_counted_in_cents_and_noise_far_below_them_is_none() -> None:
    matrix = np.array([[0.1], [0.2], [0.3 + 1e-9]])
    sums = total(matrix, money=True)
    assert sums.unit.tolist() == [100.0]
    assert sums.high[:, 0].tolist() == [0.0, 10.0, 30.0, 60.0]
    assert between(sums, [0, 1], [3, 3]) == [[0.6], [0.5]]


@pytest.mark.parametrize("cents", [0.4, 0.5, 0.01, 0.0002])
def test_money_in_parts_of_a_cent_is_kept_in_parts(cents: float) -> None:
    matrix = np.array([[1.0], [cents / 100], [2.0]])
    sums = total(matrix, money=True)
    assert sums.split.tolist() == [0]
    assert between(sums, [1], [2]) == [[cents / 100]]
    assert between(sums, [0], [3]) == [[math.fsum([1.0, cents / 100, 2.0])]]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_whole_numbers_that_leave_float64_behind_are_summed_in_two_parts(sign: float) -> None:
    large = sign * 2.0**53
    matrix = np.array([[large], [sign], [sign], [-large]])
    sums = total(matrix)
    assert sums.split.tolist() == [0]
    assert between(sums, [0, 1], [4, 3]) == [[2 * sign], [2 * sign]]
    almost = np.array([[sign * (2.0**53 - 2)], [sign]])
    assert not len(total(almost).split)
    assert between(total(almost), [0], [2]) == [[sign * (2.0**53 - 1)]]


def test_fractions_of_very_different_size_are_rounded_once() -> None:
    values = [1e12 / 3, 1e-3 / 7, -1e12 / 3, 0.1, 0.2, -0.3]
    sums = total(np.array(values)[:, None])
    for first in range(len(values)):
        for until in range(first + 1, len(values) + 1):
            # To the last bit of the span, but for what lies 85 bits below the largest value.
            wanted = math.fsum(values[first:until])
            found = between(sums, [first], [until])[0][0]
            assert abs(found - wanted) <= max(abs(np.spacing(wanted)) / 2, 1e12 * 2.0**-85)


def test_tiny_and_zero_values_are_kept() -> None:
    for tiny in (2.0**-890, 2.0**-930):
        assert between(total(np.array([[tiny], [0.0], [tiny]])), [0, 1], [3, 2]) == [[2 * tiny], [0.0]]


def test_values_too_large_to_add_up_name_their_series() -> None:
    matrix = np.array([[1.0, 1.7e308], [1.0, 1.7e308]])
    with pytest.raises(FrameError, match="series 1 are too large"):
        total(matrix)


def test_series_of_both_sorts_stand_side_by_side() -> None:
    matrix = np.array([[1.0, 0.5, 2.0, 1 / 3], [3.0, 0.25, 4.0, 1 / 3]])
    sums = total(matrix)
    assert sums.split.tolist() == [1, 3]
    assert between(sums, [0, 1, 0], [2, 2, 1]) == [
        [4.0, 0.75, 6.0, 2 / 3],
        matrix[1].tolist(),
        matrix[0].tolist(),
    ]
    out = np.full((1, 9), -1.0)
    places = np.array([0, 1, 4, 8])
    sums.write(np.array([0]), np.array([2]), out, runs_of(places, sums.unit))
    assert out.tolist() == [[4.0, 0.75, -1.0, -1.0, 6.0, -1.0, -1.0, -1.0, 2 / 3]]


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 3), (1, 4), (2, 5)],
        [(2, 3), (2, 4), (2, 5)],
        [(0, 3), (0, 3), (0, 3)],
        [(0, 3), (2, 3), (1, 3)],
        [(0, 2), (1, 5), (2, 4)],
        [(2, 4), (1, 4), (0, 4)],
        [(1, 2)],
        [(0, 5), (2, 5)],
        [(0, 2), (1, 3), (1, 3), (3, 5)],
        [(0, 1), (2, 3)],
    ],
)
def test_spans_in_any_order_have_their_own_sums(pairs: list[tuple[int, int]]) -> None:
    matrix = np.array([[1.0, 0.5], [10.0, 0.25], [100.0, 0.125], [1000.0, 2.0], [10000.0, 4.0]])
    found = between(total(matrix), [first for first, _ in pairs], [until for _, until in pairs])
    assert found == [matrix[first:until].sum(axis=0).tolist() for first, until in pairs]


def test_runs_are_neighbours_that_share_a_unit() -> None:
    runs = runs_of(np.array([2, 3, 4, 7, 8]), np.array([1.0, 1.0, 100.0, 100.0, 100.0]))
    assert [(run.columns, run.series, run.unit) for run in runs] == [
        (slice(2, 4), slice(0, 2), 1.0),
        (slice(4, 5), slice(2, 3), 100.0),
        (slice(7, 9), slice(3, 5), 100.0),
    ]
    assert runs_of(np.array([], dtype=np.intp), np.array([])) == ()
