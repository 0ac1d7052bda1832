"""The reward itself is the push, with no baseline under it: right answers are learned, and wrong ones
are left alone. DPPO's mask bounds how far."""

from functools import partial

from run import train

from trlib.algorithms import dppo_loss
from trlib.bridges.trl import TrustRegionTrainer


class Push(TrustRegionTrainer):
    token_loss = staticmethod(partial(dppo_loss, delta_tv=0.15))
    advantage = "reward"  # or "right-only", "leave-one-out", ...: trlib.advantages.ADVANTAGES
    shift = 0.0  # added to every advantage


if __name__ == "__main__":
    train(Push, loss_type="dr_grpo", vllm_importance_sampling_correction=False)
