"""TROLL: every token's distribution is projected onto a region around the old policy's, over its
64 most likely tokens. Whole logits are computed: keep `per_device_train_batch_size` small."""

from functools import partial

from run import train

from trlib.algorithms import troll_sparse_loss
from trlib.bridges.trl import DistributionTrainer


class TROLL(DistributionTrainer):
    token_loss = staticmethod(partial(troll_sparse_loss, delta_kl=0.05))
    most_likely = 64


if __name__ == "__main__":
    train(TROLL, loss_type="dapo", scale_rewards="none")
