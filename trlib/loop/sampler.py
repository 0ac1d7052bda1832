"""The policy that samples, where it is not the policy that learns: older weights, coarser numbers.

The engines that sample for real training run behind the learner and in lower precision. Here both
are settings, the same for every method: `lag` batches behind, and weights and arithmetic in bf16,
or weights rounded to int8 or int4 (simulated: a round trip of every matrix through integers with
one scale per row, or per output where a layer holds them by rows; each expert of a mixture is a
matrix of its own; the arithmetic stays float).

A queue of finished completions is a constant `lag`. A long completion that is interrupted
whenever new weights arrive, and continues with them, has several `segments`: its first tokens are
`lag` batches behind, each later part is one batch younger."""

from collections import deque
from collections.abc import Mapping

import torch
from torch import Tensor

from trlib.model.loading import cast
from trlib.model.policy import Policy


def round_trip(weight: Tensor, bits: int) -> Tensor:
    """A matrix [O, I], or several [.., O, I], through signed integers and back.

    w -> s round(w / s),   s = max|w_row| / (2^(bits-1) - 1)"""
    top = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(-1, keepdim=True) / top
    return torch.where(scale > 0, (weight / scale).round() * scale, weight)


class Sampler:
    """What samples for a learner: the learner itself where nothing is stale or coarse, else a copy
    of it."""

    def __init__(self, learner: Policy, *, lag: int, precision: str) -> None:
        self.learner, self.lag, self.precision = learner, lag, precision
        self.past: deque[dict[str, Tensor]] = deque(maxlen=self.lag + 1)
        self.own = None if self.lag == 0 and precision == "fp32" else learner.copy()
        if self.own is not None:
            if precision == "bf16":
                cast(self.own.model, torch.bfloat16)
            self._write({name: p.detach() for name, p in learner.model.named_parameters()})

    def policy(self) -> Policy:
        """A new batch begins: the policy to sample it with."""
        self.remember()
        return self.at(self.lag)

    def remember(self) -> None:
        """A new batch begins: keep the learner's weights, and forget the oldest that nothing can
        need."""
        if self.own is not None:
            self.past.append(self.learner.state())

    def forget(self) -> None:
        """The batch that `remember` was called for has failed before anything was learned."""
        if self.past:
            self.past.pop()

    def age(self, behind: int) -> int:
        """How many batches behind the weights for `behind` really are: fewer at the beginning of a
        run."""
        return min(behind, max(len(self.past) - 1, 0))

    def at(self, behind: int) -> Policy:
        """The policy `behind` batches ago, until the next call: there is one copy, which is
        overwritten."""
        if self.own is None:
            return self.learner
        self._write(self.past[-1 - self.age(behind)])
        return self.own

    def state(self) -> dict[str, Tensor]:
        """The learner's past weights, oldest first, for a checkpoint written between two
        batches."""
        return {
            f"{age}/{name}": t for age, state in enumerate(self.past) for name, t in state.items()
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the past that `state` returned."""
        ages: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            age, name = key.split("/", 1)
            ages.setdefault(int(age), {})[name] = tensor.to(self.learner.device)
        self.past = deque((ages[age] for age in sorted(ages)), maxlen=self.lag + 1)

    @torch.no_grad()
    def _write(self, weights: Mapping[str, Tensor]) -> None:
        assert self.own is not None
        for name, target in self.own.model.named_parameters():
            if name in weights:
                value = weights[name]
                if self.precision in ("int8", "int4") and value.dim() >= 2:
                    value = round_trip(value, int(self.precision[3:]))
                target.copy_(value)
