"""PPO's clip at its edges: where a token has no gradient, and where it keeps one."""

import pytest

from tests.losses import at, close, slope
from trlib.algorithms import ppo_loss

WINDOW = {"eps_low": 0.2, "eps_high": 0.3}


@pytest.mark.parametrize(
    ("ratio", "advantage", "weight"),
    [
        (1.31, 2.0, 0.0),  # out above, and further out is better
        (0.79, -2.0, 0.0),  # out below, likewise
        (1.31, -2.0, -2.62),  # out, and on its way back
        (0.79, 2.0, 1.58),
        (1.29, 2.0, 2.58),  # inside
        (0.81, -2.0, -1.62),
        (5.0, 0.0, 0.0),
    ],
)
def test_a_token_outside_the_window_has_no_gradient_unless_it_comes_back(ratio, advantage, weight):
    given = at(ratio, advantage)
    given["logp"].requires_grad_()
    loss = ppo_loss(**given, **WINDOW)
    close(slope(loss.per_token.sum(), given["logp"]), [[-weight]], 1e-12)
    close(loss.diagnostics["weight"], [[weight]], 1e-12)


@pytest.mark.parametrize(("ratio", "weight"), [(2.9, -5.8), (3.1, 0.0)])
def test_the_dual_clip_bounds_a_token_that_has_become_likely_and_is_wrong(ratio, weight):
    given = at(ratio, -2.0)
    given["logp"].requires_grad_()
    loss = ppo_loss(**given, **WINDOW, dual_clip=3.0)
    close(slope(loss.per_token.sum(), given["logp"]), [[-weight]], 1e-12)
    close(loss.per_token, [[min(ratio, 3.0) * 2.0]], 1e-12)
