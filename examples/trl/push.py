"""The reward itself weights a completion, with no baseline: right completions are learned, and wrong
ones are left alone. DPPO's mask bounds how far.

For stale samples or a quantised sampler, the book's chapter 13 recorded another loss: no mask, and
the ratio of learner to sampler truncated at 2 (TIS). For this loss replace `dppo_loss, delta_tv=0.15`
by `weighted_loss, weight="truncated"` and import it from `trlib.algorithms`. With stale samples it
learned on three small tasks; with a sampler of four bits it learned on two of them (apart from two of
36 runs) and failed on the third at 1e-4, where advantages with the same ratio learned. Of larger
models only SmolLM2 with adapters is recorded, on stale samples, where it learned as well."""

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
