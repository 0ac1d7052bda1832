"""A critic of one's own, after the abstract of DVPO: quantiles of the reward, and advantages from
their lower half."""

from dataclasses import dataclass, replace

import torch

from trlib.algorithms import PPO, Needs, TokenLoss


@dataclass(frozen=True, kw_only=True)
class Quantiles(PPO):
    """A baseline that is the mean of the lower quantiles; they learn by the quantile loss."""

    quantiles: int = 8

    def needs(self, anchor):
        return Needs(critic=10.0, critic_outputs=self.quantiles, values=True)

    def prepare(self, batch):
        low = batch.values[..., : self.quantiles // 2].mean(-1)
        return replace(batch, advantages=batch.rewards.unsqueeze(-1) - low)

    def objective(self, scores, batch):
        loss = super().objective(scores, batch)
        off = batch.rewards.view(-1, 1, 1) - scores.values
        at = (torch.arange(self.quantiles) + 0.5) / self.quantiles
        learned = torch.where(off > 0, at * off, (at - 1) * off).mean(-1)
        return TokenLoss(loss.per_token + learned, loss.diagnostics)
