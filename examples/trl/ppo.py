"""PPO's clip around the policy before the rollout's updates."""

from functools import partial

from run import train

from trlib.algorithms import ppo_loss
from trlib.bridges.trl import TrustRegionTrainer


class PPO(TrustRegionTrainer):
    token_loss = staticmethod(partial(ppo_loss, eps_low=0.2, eps_high=0.2))
    anchor = "recomputed"  # the sampler is corrected for by TRL's own weight


if __name__ == "__main__":
    train(PPO, loss_type="dapo", scale_rewards="none")
