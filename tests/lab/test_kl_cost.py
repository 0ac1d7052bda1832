"""The price of a point: by hand, by its properties, and as a record gives it."""

import math

import numpy as np
import pytest

from tests.lab.records import history_of, runs_of
from trlab import Budget, Sweep, Variant
from trlab.findings import price, table
from trlab.kl_cost import nats_per_point
from trlab.measures import derive

# -- nats per point
# --------------------------------------------------------------------------------------------------


def test_nats_per_point_by_hand():
    # 10 nats; points 65 + 55 - 5 + 65 = 180: the run that lost five counts with its nats and with
    # its loss.
    found = nats_per_point([1, 2, 3, 4], [0.9, 0.8, 0.2, 0.9], [0.25] * 4)
    assert found.value == pytest.approx(10 / 180, rel=1e-12) and (
        found.runs,
        found.runs_without_gain,
    ) == (
        4,
        1,
    )
    assert found.low < found.value < found.high
    alike = nats_per_point([0.5] * 5, [0.75] * 5, [0.25] * 5)
    assert (alike.value, alike.low, alike.high) == pytest.approx((0.01, 0.01, 0.01), rel=1e-12)
    lone = nats_per_point([0.5], [0.75], [0.25])
    assert lone.value == pytest.approx(0.01) and math.isnan(lone.low) and math.isnan(lone.high)


def test_nothing_gained_has_no_price_and_is_counted():
    lost = nats_per_point([1, 2, 0], [0.2, 0.25, 0.2], [0.3, 0.25, 0.3])
    assert (lost.value, lost.low, lost.high, lost.runs_without_gain) == (
        math.inf,
        math.inf,
        math.inf,
        3,
    )
    assert f"{lost:.2f}" == "inf [inf, inf]"
    even = nats_per_point([1, 1], [0.4, 0.2], [0.3, 0.3])  # one wins what the other loses
    assert even.value == math.inf and even.runs_without_gain == 1 and even.low == pytest.approx(0.1)
    free = nats_per_point([0, 0], [0.4, 0.4], [0.3, 0.3])
    assert (free.value, free.high) == (0, 0)


def test_the_interval_of_the_price_draws_whole_runs():
    rng = np.random.default_rng(2)
    gain = rng.uniform(0.2, 0.6, 10)
    nats = 0.3 * gain + rng.uniform(
        0, 0.02, 10
    )  # who gains more has moved further: apart, the interval would be wide
    drawn = rng.integers(10, size=(20_000, 10))
    its = np.quantile(nats[drawn].sum(1) / (100 * gain[drawn].sum(1)), [0.025, 0.975])
    mine = nats_per_point(nats, 0.25 + gain, np.full(10, 0.25))
    assert (mine.low, mine.high) == pytest.approx(tuple(its), abs=0.05 * (its[1] - its[0]))


# -- from a record
# --------------------------------------------------------------------------------------------------


def test_a_record_tells_the_price_from_the_first_batch_on():
    """Of two runs of each method."""
    measured = dict.fromkeys(("greedy", "kept", "seconds", "cpu_seconds"), 1.0)
    ends = {("ppo",): [0.9, 0.9], ("troll",): [0.7, 0.7]}
    runs = runs_of(ends, steps=40, kl=0.02, **measured)
    history = history_of(runs, 2, reward=lambda run, b: 0.3 + b / 10)
    sweep = Sweep(text="", variants=[Variant("ppo"), Variant("troll")], budget=Budget(steps=40))
    known = derive(runs, history)
    assert {*known["start"]} == {0.3} and {*known["spent"]} == {0.8}
    found = table(sweep, runs, history=history)
    first = found.iloc[0]
    assert first["label"] == "ppo" and first["nats_per_point"] == pytest.approx(
        40 * 0.02 / 60
    )  # .9 from .3
    assert (first["nats_low"], first["nats_high"], first["without"]) == (
        pytest.approx(0.8 / 60),
    ) * 2 + (0,)
    assert "nats_per_point" not in table(sweep, runs)
    # Not measured, or its beginning unknown: no price.
    assert price(derive(runs.assign(kl=math.nan), history)) is None
    assert price(known.assign(start=math.nan)) is None and price(runs) is None
    assert price(known.assign(status="failed")) is None
    # A batch that had no policy that sampled: the mean over the others is not the run's.
    gap = history.assign(kl=[math.nan if i == 1 else 0.1 for i in range(len(history))])
    assert price(derive(runs, history.assign(kl=0.1))) == price(known)
    assert price(derive(runs, gap)) is None
