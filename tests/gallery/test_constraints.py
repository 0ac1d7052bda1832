"""FixPO, MDPO and COUNTERPOL: losses and weights by hand, a fix-up's guarantee, closed forms, what
is refused."""

import pytest
import torch

from tests.losses import (
    batch,
    close,
    tensor,
    trained,
)
from trbook.bandit import bandit_step, counterfactual_policy
from trlib.algorithms import Scores
from trlib.divergences import kl
from trlib.relatives.constraints import COUNTERPOL, MDPO, FixPO

MU = tensor([0.1, 0.2, 0.3, 0.4])
A = tensor([1.0, 0.5, 0.0, -0.5])
R = tensor([0.0, 0.2, 0.5, 1.0])
PI0 = tensor([0.1, 0.2, 0.6, 0.1])


def tilted(mu, a):
    return (mu.log() + a).softmax(-1)


def test_at_a_certain_token_the_weights_are_finite():
    full = torch.tensor([[[0.0, -200.0]]])
    logp = full[..., 0]
    held = batch(
        logp == 0, logp_old=logp, full_anchor=full, anchor="recomputed", advantages=torch.ones(1, 1)
    )
    for method in (FixPO(), MDPO()):
        assert method.objective(Scores(logp, full), held).diagnostics["weight"].item() == 1


# --------------------------------------------------------------------------------------------------------------- FixPO


def test_after_the_fix_ups_no_token_is_outside():
    found = trained(FixPO(eps_kl=0.1), steps=3, prompts=8, epochs=4, lr=3e-4).history
    outside = found.kl_max_before > 0.1
    assert (found.kl_max <= 0.1).all() and outside.any() and ((found.fixups > 0) == outside).all()
    assert (found.kl_max_before[found.fixups == 0] == found.kl_max[found.fixups == 0]).all()


def test_fix_ups_that_jump_over_the_region_stop_with_one_warning():
    message = r"batch 0: after 50 fix-ups a token's KL is .*, expected at most eps_kl = 1e-08"
    with pytest.warns(UserWarning, match=message) as caught:
        found = trained(FixPO(eps_kl=1e-8, fix_speed=1.0), epochs=2).history
    assert found.fixups.tolist() == [50, 50]
    assert len([w for w in caught if "fix-ups" in str(w.message)]) == 1
    assert found.capped.tolist() == [0, 0], "the first such batch is number 0"


# ---------------------------------------------------------------------------------------------------------------- MDPO


def test_one_step_of_mdpo_is_the_policy_gradient_and_many_are_the_tilt():
    """RELATIVES' trap: at π_old the KL has no gradient."""
    pg = (MU.log() + 0.5 * MU * (A - MU @ A)).softmax(-1)
    close(bandit_step(MDPO(t=1.0), MU, A, uses=1, lr=0.5).pi, pg)
    target = tilted(MU, A)
    left = [
        float(kl(bandit_step(MDPO(t=1.0), MU, A, uses=m, lr=2.5).pi.log(), target.log()))
        for m in (1, 5, 20, 300)
    ]
    assert left[0] > left[1] > left[2] > left[3] and left[3] < 1e-9


def test_t_falls_with_the_batches():
    assert trained(MDPO(t=2.0), steps=4, epochs=2).history.t.tolist() == [2.0, 1.5, 1.0, 0.5]


# ---------------------------------------------------------------------------------------------------------- COUNTERPOL


@pytest.mark.parametrize(
    ("target", "eta", "distance", "policy"),
    [
        (0.2, -4.49, 0.504, (0.406, 0.331, 0.258, 0.005)),
        (0.6, 2.21, 0.184, (0.032, 0.099, 0.578, 0.291)),
        (0.9, 6.54, 1.433, None),
    ],
)
def test_the_counterfactual_policy_is_the_tilt_with_this_return(target, eta, distance, policy):
    pi = counterfactual_policy(PI0, R, target)
    assert float(pi @ R) == pytest.approx(target, abs=1e-12)
    slope = (pi / PI0).log().diff() / R.diff()
    close(slope, slope[:1].expand(3)), "log π/π0 is linear in R"
    assert float(slope[0]) == pytest.approx(eta, abs=0.01)
    assert float(kl(pi.log(), PI0.log())) == pytest.approx(distance, abs=1e-3)
    if policy is not None:
        close(pi, tensor(policy), 1e-3)


def test_a_pivot_that_moves_lets_a_far_target_be_reached():
    """With k > 0 the pull of a pivot that stays leaves the return short of its target."""
    stays, moves = (
        bandit_step(
            COUNTERPOL(target=0.8, k=0.1, pivot_every=n),
            PI0,
            R,
            uses=1,
            lr=2.0,
            batches=300,
            samples=2000,
        ).pi
        @ R
        for n in (0, 10)
    )
    assert float(stays) < 0.77 < 0.79 < float(moves) <= 0.805
