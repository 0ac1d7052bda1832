"""What verl 0.9.1 has of the branch asynchrony: equal in float64, value and gradient."""

from functools import partial

import pytest
import torch

from tests.instruments.parity.test_parity_verl import agree, both, config, theirs  # noqa: F401  (config is a fixture)
from trlib.aggregation import aggregate
from trlib.algorithms import pg_is_loss, ppo_loss
from trlib.relatives.asynchrony.masks import (
    clip_cov_mask,
    covariance,
    dis_mask,
    without,
)
from trlib.relatives.asynchrony.penalties import dro_loss, kl_cov_loss

pytestmark = pytest.mark.filterwarnings("ignore")


def ours(loss, batch, how="token-mean"):
    """The aggregated loss of some log-probs, and its gradient."""
    return both(lambda logp: aggregate(loss(logp).per_token, batch["mask"], how), batch["logp"])


def of(batch):
    return {"advantages": batch["advantages"], "mask": batch["mask"]}


@pytest.mark.parametrize("share", [0.05, 0.3])
@pytest.mark.parametrize("how", ["token-mean", "seq-mean-token-mean"])
def test_kl_cov_is_verl_s(verl, config, batch, share, how):  # noqa: F811
    chosen = config(policy_loss={"loss_mode": "kl_cov", "kl_cov_ratio": share, "ppo_kl_coef": 0.7})
    wanted = theirs(verl, "kl_cov", _with(chosen, kl_cov_ratio=share, ppo_kl_coef=0.7), batch, how)
    agree(wanted, ours(partial(_kl_cov, batch, share=share, beta=0.7), batch, how))


@pytest.mark.parametrize("beta", [0.05, 2.0])
@pytest.mark.parametrize("how", ["token-mean", "seq-mean-token-mean"])
def test_dro_is_verl_s(verl, config, batch, beta, how):  # noqa: F811
    wanted = theirs(verl, "dro", _with(config(), loss_mode="dro", dro_beta=beta), batch, how)
    agree(
        wanted, ours(lambda logp: dro_loss(logp, batch["old"], **of(batch), beta=beta), batch, how)
    )


def _kl_cov(batch, logp, **settings):
    return kl_cov_loss(logp, batch["old"], **of(batch), **settings)


def _with(chosen, **settings):
    """verl's configuration with these settings of its policy loss."""
    from verl.workers.config.actor import PolicyLossConfig

    object.__setattr__(chosen, "policy_loss", PolicyLossConfig(**settings))
    return chosen


def test_clip_cov_is_verl_s_where_all_candidates_are_drawn(verl, config, batch):  # noqa: F811
    """The draw is random; with a share of all tokens every candidate is out, in whatever order."""
    limits = {"clip_cov_ratio": 1.0, "clip_cov_lb": 0.1, "clip_cov_ub": 5.0}
    wanted = theirs(verl, "clip_cov", _with(config(), **limits), batch)
    logps, window = (batch["logp"], batch["old"]), {"eps_low": 0.2, "eps_high": 0.2}
    keep = clip_cov_mask(*logps, **of(batch), share=1.0, low=0.1, high=5.0, **window)
    agree(
        wanted,
        ours(
            lambda logp: without(ppo_loss, keep, logp, batch["old"], **of(batch), **window), batch
        ),
    )
    assert (
        int((batch["mask"] & ~keep).sum()) > 0
        and (covariance(*logps[:1], **of(batch))[~keep] > 0.1).any()
    )


@pytest.mark.parametrize("bounds", [(0.3, 5.0), (0.8, 3.0), (0.2, 0.2)])
@pytest.mark.parametrize("how", ["token-mean", "seq-mean-token-mean"])
def test_dis_is_verl_s_reinforce_under_a_window_of_pi_over_mu(verl, config, batch, bounds, how):  # noqa: F811
    """With `bypass_mode`, `loss_type=reinforce` and a window for `rollout_is`: SAO's gradient. The
    value is another one, because verl multiplies log π by a weight where we have π/μ."""
    from verl.workers.config.actor import PolicyLossConfig

    eps_low, eps_high = bounds
    chosen = config()
    loss = PolicyLossConfig(
        loss_mode="bypass_mode",
        rollout_correction={
            "loss_type": "reinforce",
            "rollout_is": "token",
            "rollout_is_threshold": f"{1 - eps_low}_{1 + eps_high}",
        },
    )
    object.__setattr__(chosen, "policy_loss", loss)
    wanted = theirs(verl, "bypass_mode", chosen, batch, how, anchor="rollout")
    keep = dis_mask(
        batch["logp"], batch["rollout"], mask=batch["mask"], eps_low=eps_low, eps_high=eps_high
    )
    found = ours(
        lambda logp: without(pg_is_loss, keep, logp, batch["rollout"], **of(batch)), batch, how
    )
    torch.testing.assert_close(found[1], wanted[1], rtol=1e-6, atol=1e-12)
    assert 0 < int(keep.sum()) < int(batch["mask"].sum()) or bounds != (0.2, 0.2)
    assert float((wanted[0] - found[0]).abs()) > 1e-3
