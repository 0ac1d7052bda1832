"""What TRL 1.16.0 and verl 0.9.1 have of the branch asynchrony: equal in float64, value and
gradient."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.instruments.parity.test_trl import theirs as of_trl
from tests.instruments.parity.test_verl import agree, both, config, theirs  # noqa: F401  (config is a fixture)
from trlib.aggregation import aggregate
from trlib.algorithms import gspo_loss, ppo_loss
from trlib.corrections import truncated_importance
from trlib.relatives.asynchrony.masks import clip_cov_mask, covariance, trm_mask, without
from trlib.relatives.asynchrony.penalties import dro_loss, kl_cov_loss
from trlib.relatives.asynchrony.weights import LUSPO, vespo_loss

pytestmark = pytest.mark.filterwarnings("ignore")


def ours(loss: Any, batch: dict[str, Tensor], how: str = "token-mean") -> tuple[Tensor, Tensor]:
    """The aggregated loss of some log-probs, and its gradient."""
    return both(lambda logp: aggregate(loss(logp).per_token, batch["mask"], how), batch["logp"])


def of(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"advantages": batch["advantages"], "mask": batch["mask"]}


@pytest.mark.parametrize(
    "shape", [{}, {"k_pos": 1.5, "lam_pos": 0.5, "k_neg": 0.7, "lam_neg": 4.0}]
)
def test_vespo_is_trl_s(trl, batch, shape):
    names = {f"vespo_{name.replace('lam', 'lambda')}": value for name, value in shape.items()}
    wanted = of_trl(trl, batch, {}, loss_type="vespo", **names)
    found = ours(lambda logp: vespo_loss(logp, batch["old"], **of(batch), **shape), batch)
    agree(wanted, found)
    assert float(wanted[1].abs().max()) > 0


def test_luspo_is_trl_s(trl, batch):
    window = {"eps_low": 0.2, "eps_high": 0.28}
    wanted = of_trl(trl, batch, window, loss_type="luspo", level="sequence")
    agree(
        wanted,
        ours(
            lambda logp: gspo_loss(logp, batch["old"], **of(batch), **window),
            batch,
            LUSPO().aggregation,
        ),
    )


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


def _kl_cov(batch: dict[str, Tensor], logp: Tensor, **settings: float) -> Any:
    return kl_cov_loss(logp, batch["old"], **of(batch), **settings)


def _with(chosen: Any, **settings: float) -> Any:
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


@pytest.mark.parametrize(
    ("option", "threshold", "mine"),
    [
        ("seq_max_k2", 0.3, {"delta_max": 0.3, "delta_mean": torch.inf}),
        ("seq_mean_k3", 0.1, {"delta_max": torch.inf, "delta_mean": 0.1}),
    ],
)
def test_trm_is_verl_s_rejection_of_completions(verl, batch, option, threshold, mine):
    from verl.trainer.ppo.rollout_corr_helper import compute_rollout_rejection_mask

    mask = batch["mask"]
    log_ratio = (batch["old"] - batch["rollout"]).masked_fill(~mask, 0.0)
    wanted, _ = compute_rollout_rejection_mask(
        log_ratio, mask.double(), rollout_rs=option, rollout_rs_threshold=threshold
    )
    found = trm_mask(batch["old"], batch["rollout"], mask=mask, **mine)
    assert torch.equal(wanted.bool(), found) and 0 < int(found.sum()) < int(mask.sum())


def test_icepop_is_verl_s(verl, batch):
    from verl.trainer.ppo.rollout_corr_helper import compute_rollout_correction_weights

    mask = batch["mask"]
    wanted, _ = compute_rollout_correction_weights(
        (batch["old"] - batch["rollout"]).masked_fill(~mask, 0.0),
        mask.double(),
        rollout_is="token",
        rollout_is_threshold="0.7_1.5",
    )
    found = truncated_importance(
        batch["old"], batch["rollout"], mask, cap=1.5, floor=0.7, how="mask"
    )
    torch.testing.assert_close(wanted[mask], found[mask], rtol=1e-6, atol=0)
    assert (found[mask] == 0).any() and (found[mask] < 1).any()
