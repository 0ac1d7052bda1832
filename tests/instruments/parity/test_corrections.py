"""What rejects and masks tokens, against the functions of verl and TRL."""

import pytest
import torch

from tests.core.test_corrections import drawn
from trlib.corrections import opsm_mask, truncated_importance


@pytest.mark.parametrize("level", ["token", "sequence", "geometric"])
@pytest.mark.parametrize("seed", range(3))
def test_rejection_is_verls(level, seed):
    helper = pytest.importorskip(
        "verl.trainer.ppo.rollout_corr_helper", reason="verl is not installed"
    )
    data = drawn(seed)
    mask, low, high = data["mask"], 0.7, 1.3
    option = {"token": "token_k1", "sequence": "seq_sum_k1", "geometric": "seq_mean_k1"}[level]
    theirs, _ = (
        helper.compute_rollout_rejection_mask(  # its bounds are those of the ratio's inverse
            (data["logp"] - data["other"]).masked_fill(~mask, 0.0),
            mask.double(),
            option,
            f"{1 / high}_{1 / low}",
        )
    )
    ours = truncated_importance(
        data["logp"], data["other"], mask, cap=high, floor=low, level=level, how="reject"
    )
    assert torch.equal(ours.bool() & mask, theirs.bool()) and 0 < theirs.sum() < mask.sum()


@pytest.mark.parametrize("seed", range(4))
def test_opsm_is_trls(seed):
    trl = pytest.importorskip("trl", reason="TRL is not installed")
    data = drawn(seed)
    mask, a = data["mask"], data["advantages"]
    clean = [data[name].masked_fill(~mask, 0.0) for name in ("logp", "other")]
    theirs = trl.GRPOTrainer.get_off_policy_mask(a[:, :1], *clean, mask.double(), 0.05)
    ours = opsm_mask(data["logp"], data["other"], advantages=a, mask=mask, delta=0.05)
    assert torch.equal(ours, mask & theirs.bool())
