"""The chance that more seeds decide a prediction: against cases in which it is known."""

from __future__ import annotations

import numpy as np
import pytest

from trlab.power import PAIRS, chance, undecided
from trlab.verdict import UNDECIDED
from trlab.verdicts import predicted


def test_a_difference_in_every_pair_is_settled_and_none_never() -> None:
    assert chance([0.03, 0.04, 0.05, 0.06] * 2, 16, 20) == 1
    assert chance([-0.05, 0.05] * 4, 24, 20) < 0.02
    assert chance([0.0] * 8, 24, 1) == 0


def test_more_pairs_and_fewer_questions_help() -> None:
    gaps = np.random.default_rng(1).normal(0.02, 0.03, 8)
    few, more = chance(gaps, 16, 20), chance(gaps, 24, 20)
    assert 0 < few < more <= chance(gaps, 24, 1)


def test_sides_that_are_alike_are_said_to_be_so() -> None:
    gaps = [-0.006, -0.003, -0.001, 0.0, 0.001, 0.002, 0.004, 0.005]
    assert chance(gaps, 16, 20, within=0.02) == 1
    assert chance(gaps, 16, 20, within=0.001) < 0.2


@pytest.mark.parametrize("name", ["basin_narrow"])
def test_only_what_is_undecided_is_listed_the_most_promising_first(name) -> None:
    found = undecided(name)
    open_ones = {
        finding.prediction.text for finding in predicted(name) if finding.verdict == UNDECIDED
    }
    assert {one.finding.prediction.text for one in found} == open_ones and len(found) == len(
        open_ones
    )
    assert all(len(one.chances) == len(PAIRS) for one in found)
    assert [one.chances for one in found] == sorted((one.chances for one in found), reverse=True)
