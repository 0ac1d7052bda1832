"""Methods whose rewards say nothing: what the controls run."""

from dataclasses import dataclass, replace
from zlib import crc32

import torch

from trlib.algorithms import Batch
from trlib.algorithms.ppo import PPO


def chance(batch: Batch) -> torch.Generator:
    """The dice of one batch: the same in each run of a seed, and blind to what is right."""
    return torch.Generator().manual_seed(crc32(batch.tokens.cpu().numpy().tobytes()))


@dataclass(frozen=True, kw_only=True)
class Coin(PPO):
    """PPO that is rewarded by a fair coin; the history keeps the verifier's rewards."""

    version = "afd16aee8435"

    def prepare(self, batch: Batch) -> Batch:
        coin = torch.randint(2, (len(batch.rewards),), generator=chance(batch)).to(batch.rewards)
        return replace(super().prepare(replace(batch, rewards=coin)), rewards=batch.rewards)


@dataclass(frozen=True, kw_only=True)
class Shuffled(PPO):
    """PPO whose advantages are dealt out again among all completions of the batch."""

    version = "afd16aee8435"

    def prepare(self, batch: Batch) -> Batch:
        ready = super().prepare(batch)
        order = torch.randperm(len(batch.rewards), generator=chance(batch))
        return replace(ready, advantages=ready.advantages[order.to(ready.advantages.device)])
