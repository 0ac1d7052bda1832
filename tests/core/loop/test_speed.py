"""What the loop does not compute, because it is known: the same values and gradients."""

from functools import partial

import pandas as pd
import pytest

import trlib
from tests.by_day import by_day
from tests.core.loop import runs
from tests.core.loop.runs import TIMINGS
from tests.losses import close
from trlib.algorithms import ALGORITHMS, Method

trained = partial(runs.trained, checkpoint_every=2)
SAVED = {"steps": 3, "prompts": 6, "group": 8, "probe": 8, "max_tokens": 10, "lr": 1e-3}
PER_TOKEN = [
    name
    for name, kind in ALGORITHMS.items()
    if kind.token_loss is not None and kind.update is Method.update
]


def alike(one, other):
    """Whether every column of two runs, and the last gradient, agree but for rounding; raises what
    differs."""
    frames = (run.history.drop(columns=TIMINGS) for run in (one, other))
    pd.testing.assert_frame_equal(*frames, check_exact=False, atol=2e-6, rtol=1e-5)
    for p, q in zip(one.policy.parameters, other.policy.parameters, strict=True):
        close(p.grad, q.grad, 1e-6)
    return True


@pytest.mark.parametrize("name", by_day(PER_TOKEN, "gspo", reason="the other methods"))
def test_reading_each_prefix_once_changes_no_value_and_no_gradient(name):
    policies = trlib.load_policy("dial"), trlib.load_policy("dial")
    policies[1].share = False
    one, other = (
        trained(ALGORITHMS[name](), policy=policy, anchor="recomputed", **SAVED)
        for policy in policies
    )
    assert alike(one, other)
    assert one.policy.trees is True
    assert other.policy.trees is None
