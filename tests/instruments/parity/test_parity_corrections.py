"""What weighs, rejects and masks tokens, against the functions of verl and TRL."""

from functools import partial
from importlib import import_module

import pytest
import torch

from trlib.corrections import opsm_mask, truncated_importance
from trlib.relatives.asynchrony.masks import trm_mask


def verls(batch, name, **options):
    """What verl's helper of a correction gives for a batch."""
    helper = import_module("verl.trainer.ppo.rollout_corr_helper")
    mask = batch["mask"]
    log_ratio = (batch["old"] - batch["rollout"]).masked_fill(~mask, 0.0)
    return getattr(helper, f"compute_rollout_{name}")(log_ratio, mask.double(), **options)[0]


@pytest.mark.parametrize(
    ("settings", "level", "threshold"),
    [
        ({}, "token", 1.5),
        ({"level": "sequence"}, "sequence", 1.5),
        ({"floor": 0.7, "how": "mask"}, "token", "0.7_1.5"),  # IcePop
    ],
)
def test_a_weight_is_verls(batch, settings, level, threshold):
    mask = batch["mask"]
    options = {"rollout_is": level, "rollout_is_threshold": threshold}
    theirs = verls(batch, "correction_weights", **options)
    ours = truncated_importance(batch["old"], batch["rollout"], mask, cap=1.5, **settings)
    torch.testing.assert_close(theirs[mask], ours[mask], rtol=1e-6, atol=0)
    assert (theirs[~mask] == 0).all() and (ours[mask] < 1).any()
    assert ((ours == 0) if "how" in settings else (ours == 1.5)).any()


def rejected(logp, other, *, mask, **settings):
    """Where the ratio, or its product or geometric mean, lies between floor and cap; verl's bounds
    are those of the inverse."""
    return truncated_importance(logp, other, mask, how="reject", **settings).bool() & mask


@pytest.mark.parametrize(
    ("ours", "option", "threshold"),
    [
        (partial(rejected, level="token", floor=0.8, cap=1.6), "token_k1", "0.625_1.25"),
        (partial(rejected, level="sequence", floor=0.4, cap=2), "seq_sum_k1", "0.5_2.5"),
        (partial(rejected, level="geometric", floor=0.8, cap=1.6), "seq_mean_k1", "0.625_1.25"),
        (partial(trm_mask, delta_max=0.3, delta_mean=torch.inf), "seq_max_k2", 0.3),
        (partial(trm_mask, delta_max=torch.inf, delta_mean=0.1), "seq_mean_k3", 0.1),
    ],
)
def test_a_rejection_is_verls(batch, ours, option, threshold):
    mask = batch["mask"]
    options = {"rollout_rs": option, "rollout_rs_threshold": threshold}
    theirs = verls(batch, "rejection_mask", **options)
    assert torch.equal(ours(batch["old"], batch["rollout"], mask=mask), theirs.bool())
    assert 0 < theirs.sum() < mask.sum()


def test_opsm_is_trls(trl, batch):
    mask, a = batch["mask"], batch["advantages"]
    clean = [batch[name].masked_fill(~mask, 0.0) for name in ("logp", "rollout")]
    theirs = trl.GRPOTrainer.get_off_policy_mask(a[:, :1], *clean, mask.double(), 0.05)
    ours = opsm_mask(batch["logp"], batch["rollout"], advantages=a, mask=mask, delta=0.05)
    assert torch.equal(ours, mask & theirs.bool()) and 0 < ours.sum() < mask.sum()
