"""The base of every method, on one page. A complete one, in a file `mine.py`:

    from trlib.algorithms import Method, TokenLoss

    class Bounded(Method):
        "The policy gradient, with the ratio bounded above."
        most: float = 2.0
        def objective(self, scores, batch):
            ratio = (scores.logp - batch.logp_anchor).exp()
            return TokenLoss(-ratio.clamp(max=self.most) * batch.advantages)

`trlib train --method mine.py:Bounded --set most=1.5` trains it. Annotated names are settings, and the class is a frozen
dataclass without being told so. Of the loop's four boxes a method replaces those that it changes:

| box         | called                | may read                              | returns                                |
|-------------|-----------------------|---------------------------------------|----------------------------------------|
| `plan`      | before sampling       | completions per prompt, batch's number | how a prompt's completions are drawn  |
| `prepare`   | once per batch        | the whole `Batch`                     | the batch with `advantages`            |
| `objective` | for every `step.loss` | `Scores` and `Batch` of a minibatch   | a `TokenLoss`                          |
| `update`    | once per batch        | the `Step`, which scores and descends | nothing: it changes the parameters     |

`needs` says beforehand what else the loop computes (`trlib.algorithms.needs`). `batch.memory` keeps numbers and tensors
from batch to batch. A method describes: it imports nothing from the floors above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from trlib import checks
from trlib.advantages import ADVANTAGES
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms.memory import Memory
from trlib.algorithms.needs import Needs, NotHeld
from trlib.algorithms.plan import Stage
from trlib.algorithms.settings import Settings
from trlib.corrections import Correction

Anchor = Literal["rollout", "recomputed"]
ANCHORS: tuple[str, ...] = ("rollout", "recomputed")


class Method(Settings):
    """The settings that all methods share, and the four boxes with their plain contents."""

    advantage: str = "group-mean"
    """How rewards become one number per completion: group-std (less the group's mean, over its standard deviation),
    group-mean (less the mean), leave-one-out (less the others' mean), length-weighted (less the mean by length) or
    reward (as it is)."""
    aggregation: str = "token-mean"
    """How the tokens' losses become one number: token-mean, seq-mean-token-mean, seq-mean-token-sum or
    seq-mean-token-sum-norm (`trlib.aggregation`)."""
    correction: Correction | None = None
    """Truncated importance sampling on the advantages; None: off."""

    anchor: ClassVar[Anchor] = "recomputed"
    """Which policy the trust region is drawn around, unless the run says otherwise."""

    def __post_init__(self) -> None:
        checks.settle(self)
        checks.choice("advantage", self.advantage, tuple(ADVANTAGES))
        checks.choice("aggregation", self.aggregation, AGGREGATIONS)
        if self.correction is not None and not isinstance(self.correction, Correction):
            raise TypeError(f"correction: expected a Correction or None, got {type(self.correction).__name__}")

    def needs(self, anchor: Anchor) -> Needs:
        """What the loop computes for the method when the trust region is drawn around `anchor`."""
        return Needs()

    def plan(self, group: int, batch: int) -> tuple[Stage, ...]:
        """Box 1, rollout: how a prompt's `group` completions are drawn in batch number `batch`, from 0."""
        return (Stage(group),)

    def prepare(self, batch: Batch) -> Batch:
        """Box 2, advantage: sets `advantages` [B, T]; may narrow `mask` and `forced`, and add tensors."""
        advantages = ADVANTAGES[self.advantage](batch).unsqueeze(-1).expand_as(batch.logp_rollout)
        return replace(batch, advantages=self.corrected(advantages, batch))

    def corrected(self, advantages: Tensor, batch: Batch) -> Tensor:
        """The advantages [B, T] times the correction's factor, where there is a correction."""
        if self.correction is None:
            return advantages
        return advantages * self.correction.factor(batch.logp_old, batch.logp_rollout, batch.mask)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        """Box 3, objective: the loss of a minibatch, before it is aggregated."""
        raise NotImplementedError(f"{type(self).__name__} has no objective")

    def loss(self, per_token: Tensor, batch: Batch) -> Tensor:
        """The objective as one number: tokens by `aggregation`, completions or pairs by their mean."""
        if per_token.dim() == 2:
            return aggregate(per_token, batch.mask, self.aggregation, horizon=batch.horizon)
        return per_token.sum() / max(1, per_token.numel())

    def update(self, step: Step) -> None:
        """Box 4, update: what a batch changes. Plainly, one descent for each of its minibatches."""
        for part in step.minibatches():
            part.descend(part.loss())


@dataclass(frozen=True)
class TokenLoss:
    """What an objective returns."""

    per_token: Tensor
    """[B, T], counted where the mask is True; or [N] of completions or pairs; or one number. Differentiable."""
    diagnostics: dict[str, Tensor] = field(default_factory=dict)
    """Detached [B, T]: `ratio`, `kept` (bool: the region does not silence the token), `weight` = w = -dL/dlogp by the
    method's formula; 1, False and 0 where masked. What is absent is absent in the history."""


class OfTokens(Method):
    """A method that is one loss of tokens, whose settings are its own: `class CISPO(OfTokens, of=cispo_loss)`.

    The loss takes (logp, logp_anchor, *, advantages, mask, **settings), and checks the settings when there is a method
    of them, not when it trains. What a subclass adds without a loss of its own is not handed to it.
    """

    function: ClassVar[Callable[..., TokenLoss]]
    takes: ClassVar[tuple[str, ...]]
    """The settings that the loss is handed."""

    def __init_subclass__(cls, of: Callable[..., TokenLoss] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if of is not None:
            cls.function = staticmethod(of)
            cls.takes = tuple(f.name for f in fields(cls) if f.name not in Method.__dataclass_fields__)

    def __post_init__(self) -> None:
        super().__post_init__()
        one = torch.zeros(1, 1)
        self._of(one, one, one, one == 0)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        return self._of(scores.logp, batch.logp_anchor, batch.advantages, batch.mask)

    def _of(self, logp: Tensor, logp_anchor: Tensor, advantages: Tensor, mask: Tensor, **more: Tensor) -> TokenLoss:
        own = {name: getattr(self, name) for name in self.takes}
        return type(self).function(logp, logp_anchor, advantages=advantages, mask=mask, **more, **own)


@dataclass(frozen=True)
class Batch:
    """Completions and what is known of them. Rows of one prompt share a number in `group`; a minibatch holds whole
    groups. What `needs` has brought and `prepare` has added is read by its name, like `batch.logp_ref`."""

    tokens: Tensor  #: [B, T] int: completion tokens, an expert's prefix included.
    mask: Tensor  #: [B, T] bool: tokens that the policy sampled; the loss counts these.
    forced: Tensor  #: [B, T] bool: tokens of an expert's prefix (never in `mask`).
    rewards: Tensor  #: [B] the verifier's rewards.
    group: Tensor  #: [B] int: which prompt.
    ended: Tensor  #: [B] bool: the completion ended by itself (False: cut at the token limit).
    horizon: int  #: The token limit of a completion: the constant divisor of "seq-mean-token-sum-norm".
    logp_rollout: Tensor  #: [B, T] log mu(y_t): by the policy that sampled, as the sampler computed it.
    advantages: Tensor = None  # type: ignore[assignment]  #: [B, T], None until `Method.prepare` has set it.
    anchor: Anchor = "rollout"  #: Which policy the trust region is drawn around.
    number: int = 0  #: Which batch of the run, from 0.
    batches: int = 1  #: How many the run will have.
    reasons: tuple[str, ...] = ()  #: [B] what the verifier says of each completion: right, or why not.
    memory: Memory = field(default_factory=Memory)  #: What the method keeps between batches, changed in place.
    extra: Mapping[str, Any] = field(default_factory=dict)  #: What `needs` has brought and `plus` has added.

    def __getattr__(self, name: str) -> Any:
        try:
            return vars(self)["extra"][name]
        except KeyError:
            raise NotHeld(name, "batch") from None

    @property
    def lengths(self) -> Tensor:
        """[B] number of sampled tokens."""
        return self.mask.sum(-1)

    @property
    def logp_anchor(self) -> Tensor:
        """[B, T] log-probs by the policy that the trust region is drawn around."""
        return self.logp_rollout if self.anchor == "rollout" else self.logp_old

    def plus(self, **more: Any) -> Batch:
        """The batch with more [B, ...] tensors, each read by its name.

        Raises:
            ValueError: the batch has the name already, or a value is not of its completions.
        """
        for name, value in more.items():
            if name in dir(self):
                raise ValueError(
                    f"{name}: expected a new name, got one of the batch's own; replace(batch, {name}=...) sets it"
                )
            shape = getattr(getattr(value, "ids", value), "shape", ())  # of a TopK its tokens
            if shape[:1] != self.mask.shape[:1]:
                raise ValueError(
                    f"{name}: expected a tensor [B, ...] with B = {len(self.mask)}, got "
                    f"{list(shape) if isinstance(value, Tensor) else type(value).__name__}"
                )
        return replace(self, extra={**self.extra, **more})

    def rows(self, index: Tensor) -> Batch:
        """The completions named by `index`, everything else alike."""
        picked: dict[str, Any] = {
            f.name: value[index] for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)
        }
        picked["extra"] = {name: value[index] for name, value in self.extra.items()}
        if self.reasons:
            picked["reasons"] = tuple(self.reasons[i] for i in index.tolist())
        return replace(self, **picked)


class Scores:
    """What the current policy says of a batch's tokens, with gradient: `logp` [B, T] log pi(y_t), and as `needs` asks
    `full` [B, T, V] log-probs of the whole vocabulary, `values` [B, T] the critic's, `hidden` [B, T, H] what the output
    layer reads."""

    def __init__(
        self, logp: Tensor, full: Tensor | None = None, *, values: Tensor | None = None, hidden: Tensor | None = None
    ) -> None:
        given = {"logp": logp, "full": full, "values": values, "hidden": hidden}
        vars(self).update({name: value for name, value in given.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        raise NotHeld(name, "scores")


class Step(Protocol):
    """What the update box is handed: a batch, or a minibatch of it, to be scored as often as it likes."""

    batch: Batch
    parameters: list[Tensor]  #: What learns.
    weights: Mapping[str, Tensor]  #: The same by name.
    reference: Mapping[str, Tensor]  #: The reference's weights by the same names.
    critic: list[Tensor]  #: The critic's parameters, where the method has one.

    @property
    def lr(self) -> float:
        """The learning rate of the next descent."""

    def minibatches(self) -> Iterator[Any]:
        """The batch's parts in the order of its updates, `epochs` times; a minibatch has itself alone."""

    def score(
        self,
        rows: Tensor | None = None,
        *,
        weights: Mapping[str, Tensor] | None = None,
        twice: bool = False,
        perturb: Callable[[Tensor], Tensor] | None = None,
    ) -> Scores:
        """A fresh forward pass over all or some rows, with gradient. `weights` stand in for those that they name;
        `twice`: it can be differentiated twice; `perturb` changes the embedded tokens [.., H] that the model reads."""

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """J v, [B, T, V]: the derivative of the whole distribution's log-probs along a direction of the parameters."""

    def values(self, rows: Tensor | None = None) -> Tensor:
        """[B, T]: the critic's values, with gradient."""

    def value_slope(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """[B, T]: the derivative of the critic's values along a direction of its parameters."""

    def loss(self, scores: Scores | None = None) -> Tensor:
        """The objective as one number with gradient, from fresh scores or from these."""

    def descend(self, loss: Tensor, *, speed: float = 1.0) -> None:
        """Backward, clip the gradient's norm, one step of the optimiser at `speed` times the run's learning rate."""

    def report(self, loss: float, grad_norm: float) -> None:
        """Tell the history of an update that `descend` did not make."""

    def move_reference(self, share: float = 1.0) -> None:
        """Move the reference's weights this share of the way to the policy's; 1: a copy."""


def weigh(log_ratio: Tensor, kept: Tensor, weight: Tensor, mask: Tensor, **more: Tensor) -> dict[str, Tensor]:
    """The diagnostics that a loss returns, detached and neutral where masked (ratio 1, kept False, weight 0)."""
    diagnostics = {"ratio": log_ratio.exp(), "kept": kept & mask, "weight": weight.masked_fill(~mask, 0.0), **more}
    return {name: value.detach() for name, value in diagnostics.items()}
