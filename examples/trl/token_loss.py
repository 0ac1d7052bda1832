"""Any loss of sampled tokens, by the name of its method: PPO's clip, if TRLIB_METHOD says nothing."""

import json
import os

from run import train

from trlib.bridges.trl import TrustRegionTrainer
from trlib.methods import token_loss

LOSS = token_loss(
    os.environ.get("TRLIB_METHOD", "ppo"), **json.loads(os.environ.get("TRLIB_SETTINGS", "{}"))
)


class Trainer(TrustRegionTrainer):
    token_loss = staticmethod(LOSS)  # and the anchor is the one that the loss is made for


if __name__ == "__main__":
    train(
        Trainer,
        loss_type="dapo",
        scale_rewards="none",
        # A ratio to the sampler has its correction in it.
        vllm_importance_sampling_correction=LOSS.anchor == "recomputed",
    )
