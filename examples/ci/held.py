"""Your trainer's loss as `trlib conformance` calls it: log-probs, advantages and a mask, [B, T] each.
A loss per token is enough; a number is held with its aggregation."""

from my_trainer.losses import policy_loss  # yours


def held(logp, logp_old, advantages, mask):
    return policy_loss(logp, logp_old, advantages) * mask
