"""DPPO: a mask around the policy that sampled, in total variation."""

from functools import partial

from run import train

from trlib.algorithms import dppo_loss
from trlib.bridges.trl import TrustRegionTrainer


class DPPO(TrustRegionTrainer):
    token_loss = staticmethod(partial(dppo_loss, delta_tv=0.15))


if __name__ == "__main__":
    # The sampler's log-probs are in the ratio, so TRL must not correct for them as well.
    train(
        DPPO,
        loss_type="dr_grpo",
        scale_rewards="none",
        vllm_importance_sampling_correction=False,
    )
