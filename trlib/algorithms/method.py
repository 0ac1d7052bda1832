"""What a method may change: the four boxes of the loop.

    rollout  ->  advantage  ->  objective  ->  update
    plan()       prepare()      objective()    update()

A method is a frozen dataclass. It *describes*: it never samples, trains, moves a tensor to a device or opens a
file, so this module imports nothing from the floors above. The loop (`trlib.loop.training`) calls the boxes in order:

1. `plan(group, batch)` says how a prompt's completions are drawn: freely, or after a prefix of an expert's answer.
2. `prepare(batch)` turns rewards into advantages, once a batch.
3. `objective(scores, batch)` gives the loss of every token of a minibatch.
4. `update(step)` turns that loss into a change of the parameters: gradient descent unless the method says otherwise.

`needs(anchor)` tells the loop what else to compute for the method: log-probs by the policy before the batch's
updates, by a frozen reference, whole distributions or their top k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from torch import Tensor

from trlib import checks
from trlib.advantages import group_relative, leave_one_out, length_weighted
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.corrections import HOWS, LEVELS, truncated_importance

Known = TypeVar("Known")
Anchor = Literal["rollout", "recomputed"]
ANCHORS: tuple[str, ...] = ("rollout", "recomputed")


@dataclass(frozen=True)
class TokenLoss:
    """A loss per token and what it did to each token. Nothing is aggregated."""

    per_token: Tensor
    """[B, T], 0 where masked; differentiable in the current log-probs."""
    diagnostics: dict[str, Tensor]
    """Detached [B, T] tensors, always with `ratio`, `kept` (bool: the region does not silence the token) and
    `weight` = w = -dL/dlogp by the method's formula; 1, False and 0 where masked."""


@dataclass(frozen=True)
class TopK:
    """The k most likely tokens of every position of a distribution; the sampled token is always among them."""

    ids: Tensor
    """[B, T, K] int."""
    logp: Tensor
    """[B, T, K] nats."""


@dataclass(frozen=True)
class Batch:
    """Completions and what is known of them: what the loop hands to a method. No model inside.

    B completions, T tokens. Rows of one prompt share a number in `group`; a minibatch holds whole groups.
    """

    tokens: Tensor
    """[B, T] int: completion tokens, an expert's prefix included."""
    mask: Tensor
    """[B, T] bool: tokens that the policy sampled; the loss counts these."""
    forced: Tensor
    """[B, T] bool: tokens of an expert's prefix (never in `mask`)."""
    rewards: Tensor
    """[B] the verifier's rewards."""
    group: Tensor
    """[B] int: which prompt."""
    ended: Tensor
    """[B] bool: the completion ended by itself (False: cut at the token limit)."""
    horizon: int
    """The token limit of a completion: the constant divisor of "seq-mean-token-sum-norm"."""
    logp_rollout: Tensor
    """[B, T] log mu(y_t): by the policy that sampled, as the sampler computed it."""
    logp_old: Tensor | None = None
    """[B, T] log pi_old(y_t): by the learner before this batch's updates."""
    logp_ref: Tensor | None = None
    """[B, T] log-probs by the frozen policy the run began with."""
    full_rollout: Tensor | None = None
    """[B, T, V] the sampler's whole distribution, log-probs."""
    full_old: Tensor | None = None
    """[B, T, V] the learner's whole distribution before this batch's updates."""
    topk_rollout: TopK | None = None
    topk_old: TopK | None = None
    values: Tensor | None = None
    """[B, T] the critic's values before this batch's updates."""
    advantages: Tensor = None  # type: ignore[assignment]
    """[B, T], None until `Method.prepare` has set it."""
    returns: Tensor | None = None
    """[B, T] what the critic should learn, set by a `Method.prepare` that has one."""
    anchor: Anchor = "rollout"
    """Which policy the trust region is drawn around."""
    memory: dict[str, float] = field(default_factory=dict)
    """Numbers that the method keeps from one update to the next; saved with the run."""

    @property
    def lengths(self) -> Tensor:
        """[B] number of sampled tokens."""
        return self.mask.sum(-1)

    @property
    def logp_anchor(self) -> Tensor:
        """[B, T] log-probs by the policy that the trust region is drawn around."""
        return self.logp_rollout if self.anchor == "rollout" else known("logp_old", self.logp_old)

    @property
    def full_anchor(self) -> Tensor:
        """[B, T, V] the anchor's whole distribution."""
        name = "full_rollout" if self.anchor == "rollout" else "full_old"
        return known(name, getattr(self, name))

    @property
    def topk_anchor(self) -> TopK:
        """The anchor's top k."""
        name = "topk_rollout" if self.anchor == "rollout" else "topk_old"
        return known(name, getattr(self, name))

    def rows(self, index: Tensor) -> Batch:
        """The completions named by `index`, everything else alike."""
        picked: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Tensor):
                picked[f.name] = value[index]
            elif isinstance(value, TopK):
                picked[f.name] = TopK(value.ids[index], value.logp[index])
        return replace(self, **picked)


@dataclass(frozen=True)
class Scores:
    """What the current policy says of a batch's tokens, with gradient."""

    logp: Tensor
    """[B, T] log pi(y_t)."""
    full: Tensor | None = None
    """[B, T, V] log-probs of the whole vocabulary, where the method needs them."""
    values: Tensor | None = None
    """[B, T] the critic's values, where the method has one."""


@dataclass(frozen=True)
class Needs:
    """What the loop must compute for a method beside the sampled tokens' log-probs."""

    old: bool = False
    """`Batch.logp_old`, for the objective."""
    old_early: bool = False
    """`Batch.logp_old`, for `prepare` already."""
    reference: bool = False
    """`Batch.logp_ref`."""
    full: bool = False
    """`Scores.full`: the current policy's whole distribution."""
    full_anchor: bool = False
    """The anchor's whole distribution."""
    topk_anchor: int = 0
    """The anchor's k most likely tokens; 0: none."""
    critic: float = 0.0
    """A critic, its learning rate as a multiple of the policy's: `Batch.values`; 0: none."""
    values: bool = False
    """`Scores.values`: the critic's, with gradient, in the objective."""


@dataclass(frozen=True)
class Stage:
    """Some of a prompt's completions, drawn alike; a prompt's stages are drawn one after the other."""

    count: int
    """Completions of each prompt."""
    prefix: float = 0.0
    """Share of an expert's answer that is forced at the start, 0 to 1."""
    below: float | None = None
    """Give the prefix only to prompts whose rewards so far sum to less than this; None: to all."""

    def __post_init__(self) -> None:
        checks.settle(self)
        checks.whole("count", self.count, least=1)
        checks.number("prefix (a share of the demonstration)", self.prefix, least=0, most=1)


class Step(Protocol):
    """What the loop hands to the update box: one minibatch, to be scored as often as the method likes."""

    batch: Batch
    parameters: list[Tensor]
    critic: list[Tensor]
    """The critic's parameters, where the method has one."""

    def score(self, rows: Tensor | None = None, *, twice: bool = False) -> Scores:
        """A fresh forward pass of the current policy over the minibatch, or some rows of it, with gradient; `twice`:
        one that can be differentiated twice."""
        ...

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """J v, [B, T, V]: the derivative of the whole distribution's log-probs along a direction of the parameters."""
        ...

    def values(self, rows: Tensor | None = None) -> Tensor:
        """[B, T]: the critic's values of the minibatch, or some rows of it, with gradient."""
        ...

    def value_slope(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """[B, T]: the derivative of the critic's values along a direction of its parameters."""
        ...

    def loss(self) -> Tensor:
        """The method's objective over the minibatch, aggregated to a scalar with gradient."""
        ...

    def descend(self, loss: Tensor) -> None:
        """Backward, clip the gradient's norm, one step of the optimiser, and a report of both."""
        ...

    def report(self, loss: float, grad_norm: float) -> None:
        """Tell the history of an update that `descend` did not make."""
        ...


@dataclass(frozen=True)
class Correction:
    """Truncated importance sampling against a sampler that is not the learner: a factor on the advantages."""

    cap: float = 2.0
    level: Literal["token", "sequence"] = "token"
    how: Literal["truncate", "mask"] = "truncate"

    def __post_init__(self) -> None:
        checks.settle(self)
        checks.number("cap", self.cap, above=0)
        checks.choice("level", self.level, LEVELS)
        checks.choice("how", self.how, HOWS)


ADVANTAGES = {
    "group-std": lambda batch: group_relative(batch.rewards, batch.group, scale="std"),
    "group-mean": lambda batch: group_relative(batch.rewards, batch.group, scale=None),
    "leave-one-out": lambda batch: leave_one_out(batch.rewards, batch.group),
    "length-weighted": lambda batch: length_weighted(batch.rewards, batch.lengths, batch.group),
    "reward": lambda batch: batch.rewards,
}
"""How rewards become one advantage a completion."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """The base of every method: settings that all share, and the four boxes with their plain contents."""

    advantage: str = "group-mean"
    """How rewards become one number a completion: group-std (less the group's mean, over its standard deviation),
    group-mean (less the mean), leave-one-out (less the others' mean), length-weighted (less the mean by length) or
    reward (as it is)."""
    aggregation: str = "token-mean"
    """How the tokens' losses become one number: token-mean, seq-mean-token-mean, seq-mean-token-sum or
    seq-mean-token-sum-norm (`trlib.aggregation`)."""
    correction: Correction | None = None
    """Truncated importance sampling on the advantages; None: off."""

    anchor: ClassVar[Anchor] = "recomputed"
    """Which policy the method's trust region is drawn around, unless the run says otherwise."""
    proportional: ClassVar[bool] = False
    """A token's loss is its advantage times something, and the loss is a mean of these: where the advantage is 0
    nothing can be learnt, and the loop need not look. Said beside `objective`: a class that writes another one, or a
    `loss` or an `update` of its own, says it again."""

    def __post_init__(self) -> None:
        checks.settle(self)
        checks.choice("advantage", self.advantage, tuple(ADVANTAGES))
        checks.choice("aggregation", self.aggregation, AGGREGATIONS)
        if self.correction is not None and not isinstance(self.correction, Correction):
            raise TypeError(f"correction: expected a Correction or None, got {type(self.correction).__name__}")

    def needs(self, anchor: Anchor) -> Needs:
        """What the loop must compute when the trust region is drawn around `anchor`."""
        return Needs(old=anchor == "recomputed", old_early=self.correction is not None)

    def plan(self, group: int, batch: int) -> tuple[Stage, ...]:
        """Box 1, rollout: how a prompt's `group` completions are drawn in batch number `batch`, from 0."""
        return (Stage(group),)

    def prepare(self, batch: Batch) -> Batch:
        """Box 2, advantage: the whole batch, once, before its updates. Sets `advantages` [B, T]; may narrow
        `mask` and `forced`."""
        advantages = ADVANTAGES[self.advantage](batch).unsqueeze(-1).expand_as(batch.logp_rollout)
        return replace(batch, advantages=self.corrected(advantages, batch))

    def corrected(self, advantages: Tensor, batch: Batch) -> Tensor:
        """The advantages [B, T] times the correction's factor, where there is a correction."""
        if self.correction is None:
            return advantages
        c = self.correction
        return advantages * truncated_importance(known("logp_old", batch.logp_old), batch.logp_rollout, batch.mask,
                                                 cap=c.cap, level=c.level, how=c.how)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        """Box 3, objective: the loss of every token of a minibatch."""
        raise NotImplementedError(f"{type(self).__name__} has no objective")

    def loss(self, per_token: Tensor, batch: Batch) -> Tensor:
        """The minibatch's tokens as one number, by `aggregation`."""
        return aggregate(per_token, batch.mask, self.aggregation, horizon=batch.horizon)

    @classmethod
    def is_proportional(cls) -> bool:
        """`proportional`, as that class says which wrote the last of objective, loss and update."""
        written = ("objective", "loss", "update")
        author = next(kind for kind in cls.__mro__ if any(name in vars(kind) for name in written))
        return vars(author).get("proportional", False)

    def update(self, step: Step) -> None:
        """Box 4, update: one minibatch's change of the parameters."""
        step.descend(step.loss())


def weigh(log_ratio: Tensor, kept: Tensor, weight: Tensor, mask: Tensor, **more: Tensor) -> dict[str, Tensor]:
    """The diagnostics every loss returns, detached and neutral where masked (ratio 1, kept False, weight 0)."""
    diagnostics = {"ratio": log_ratio.exp(), "kept": kept & mask, "weight": weight.masked_fill(~mask, 0.0), **more}
    return {name: value.detach() for name, value in diagnostics.items()}


def known(name: str, value: Known | None) -> Known:
    """`value`, which the loop fills in when the method's `needs` names it; a ValueError where it is None."""
    if value is None:
        raise ValueError(f"{name}: the batch does not hold it; name it in the method's `needs`")
    return value
