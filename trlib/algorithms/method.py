"""The base of every method, on one page. A complete method, in a file `mine.py`:

    from dataclasses import dataclass
    from trlib.algorithms import Method, TokenLoss

    @dataclass(frozen=True, kw_only=True)
    class Bounded(Method):
        "The policy gradient, with the ratio bounded above."
        most: float = 2.0
        formula = "A*min(r, most)"

`trlib train --method mine.py:Bounded --set most=1.5` trains it. A method is a frozen dataclass: its
annotated names are its settings. Its formula is its gradient weight as one line
(`trlib.algorithms.lines`). Where no line can say it, `objective` does:

        def objective(self, scores, batch):
            ratio = (scores.logp - batch.logp_anchor).exp()
            return TokenLoss(-ratio.clamp(max=self.most) * batch.advantages)

A method replaces those of the loop's four stages that it changes:

- `plan`: called before sampling with the completions per prompt and the batch's number; returns how
  completions are drawn.
- `prepare`: called once per batch with the whole `Batch`; returns it with `advantages`.
- `objective`: called for every `step.loss` with `Scores` and `Batch` of a minibatch; returns a
  `TokenLoss`.
- `update`: called once per batch with the `Step`, which scores and descends; returns nothing: it
  changes the parameters.

`needs` says beforehand what else the loop computes (`trlib.algorithms.needs`); `batch.memory` keeps
numbers and tensors from batch to batch. A method only describes: it imports nothing from the
packages above it (model, loop, tasks)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from inspect import signature
from typing import Any, ClassVar, Protocol

from torch import Tensor

from trlib import checks
from trlib.advantages import ADVANTAGES
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import lines
from trlib.algorithms.batch import Anchor, Batch, Scores
from trlib.algorithms.needs import Needs
from trlib.algorithms.plan import Stage
from trlib.algorithms.reference import Reference
from trlib.algorithms.settings import Settings
from trlib.corrections import Correction
from trlib.divergences import k3

GIVEN = ("advantages", "mask", "rewards", "group", "age")
"""What a `token_loss` may take of a batch."""


@dataclass(frozen=True, kw_only=True)
class Method(Settings):
    """The settings that all methods share, and the four stages of the loop as they are unless a
    method replaces them."""

    advantage: str = checks.setting("group-mean", among=tuple(ADVANTAGES))
    """How rewards become the advantage of a completion, one number: group-std (less the group's
    mean, over its standard deviation), group-mean (less the mean), leave-one-out (less the others' mean),
    length-weighted (less the mean by length), max-rl (group-mean over the group's mean; rewards of
    at least 0), reinforce-pp (less the batch's mean, over its standard deviation),
    reinforce-pp-baseline (the same after group-mean), right-only and wrong-only (group-mean where it is
    above 0, or below, else 0), reward (as it is), mixed-reward (as it is, but 0 where the whole
    group has the same) or plus-minus (2 R - 1: rewards of 1 and 0 written as 1 and -1)."""
    shift: float = checks.setting(0.0, above=-math.inf, below=math.inf)
    """Added to every advantage: the baseline is lower by so much, so that more tokens gain
    probability. A lower baseline is a KL penalty towards the sampler (AsymRE, arXiv 2506.20520)."""
    stop_kl: float | None = checks.setting(None, above=0)
    """Early stopping: put a batch away once the policy is this far from the one that sampled it, in
    nats per token. Measured before every update but the first, as the mean of r - 1 - log r over
    the minibatch; None: off. Differs from: stable-baselines3 stops at 1.5 times its `target_kl`."""
    aggregation: str = checks.setting("token-mean", among=AGGREGATIONS)
    """How the tokens' losses become one number: token-mean, seq-mean-token-mean, seq-mean-token-sum
    or seq-mean-token-sum-norm (`trlib.aggregation`)."""
    correction: Correction | None = None
    """Truncated importance sampling on the advantages; None: off."""
    reference: Reference | None = None
    """A penalty on the KL divergence to the policy that the run began with, or one moved since;
    None: off."""
    anchor: ClassVar[Anchor] = "recomputed"
    """Which policy the trust region is drawn around, unless the run says otherwise."""

    compares: ClassVar[bool] = False
    """Whether a prompt's completions are compared: a group of 1 is then refused."""

    token_loss: ClassVar[Callable[..., TokenLoss] | None] = None
    """A function of (logp, logp_old, *, advantages, mask) and of settings, which is the whole
    objective: `token_loss = ppo_loss`. It may also take a batch's rewards, group and age."""

    version: ClassVar[int | str] = 1
    """What recorded runs know the method by; to be raised when the same settings compute something
    else."""

    may_stop: ClassVar[bool] = True
    """Whether `update` looks at `stop_kl`. Where a class brings an update of its own, False unless
    it says otherwise."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update" in vars(cls) and "may_stop" not in vars(cls):
            cls.may_stop = False
        # Another loss than the parent's has another line, or none.
        if {"objective", "token_loss"} & {*vars(cls)} and "formula" not in vars(cls):
            cls.formula = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        checks.validate(self)
        if self.stop_kl is not None and not self.may_stop:
            raise ValueError(
                f"stop_kl: {type(self).__name__} has an update of its own, which does not stop; "
                f"expected None, got {self.stop_kl!r}"
            )
        for name, wanted in (("correction", Correction), ("reference", Reference)):
            part = getattr(self, name)
            if part is not None and not isinstance(part, wanted):
                raise TypeError(
                    f"{name}: expected a {wanted.__name__} or None, got {type(part).__name__}"
                )
        kind = type(self)
        by_line = kind.objective is Method.objective and kind.token_loss is None
        if by_line and self.line is not None:  # a misspelt name is told before anything is sampled
            lines.check(self.line)

    def refuse(self, *settings: str, because: str) -> None:
        """Refuse settings that the method has no use for, from its `__post_init__`.
        Raises ValueError: one of them is not the default."""
        for name in settings:
            default, given = getattr(type(self), name), getattr(self, name)
            if given != default:
                raise ValueError(
                    f"{name}: expected {default!r}, the default, because {because}, got {given!r}"
                )

    @property
    def formula(self) -> str | None:
        """The line, with the settings by their names; None where no line can say the weight. A class
        may just assign it: `formula = "A*min(r, most)"`."""
        return None

    @property
    def line(self) -> str | None:
        """The weight w = -dL/dlog π(y_t) of a token as one line with the settings filled in, in the
        language of the book's page *Write your own* (`trlib.algorithms.lines`)."""
        return None if self.formula is None else lines.filled(self.formula, self.constants)

    @property
    def constants(self) -> dict[str, float]:
        """The numbers that the names of `formula` stand for: by default the settings."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, int | float)}

    def settings_for(self, *functions: Callable[..., Any]) -> dict[str, Any]:
        """The settings that these functions take, by name:
        `ppo_loss(..., **self.settings_for(ppo_loss))`."""
        taken = set[str]().union(*map(_arguments, functions))
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in taken}

    @property
    def kept_near(self) -> Reference | None:
        """What the loop does about the reference: the setting `reference`, unless a method says the
        same by settings of its own."""
        return self.reference

    def needs(self, anchor: Anchor) -> Needs:
        """What the loop computes for the method when the trust region is drawn around `anchor`."""
        return Needs()

    def plan(self, group: int, batch: int) -> tuple[Stage, ...]:
        """Stage 1, rollout: how a prompt's `group` completions are drawn in batch number `batch`,
        from 0."""
        if self.compares:
            name = f"group ({type(self).__name__} compares completions of a prompt)"
            checks.whole(name, group, least=2)
        return (Stage(group),)

    def prepare(self, batch: Batch) -> Batch:
        """Stage 2, advantage: sets `advantages` [B, T]; may narrow `mask` and `forced`, and add
        tensors."""
        of_completions = ADVANTAGES[self.advantage](batch) + self.shift
        advantages = of_completions.unsqueeze(-1).expand_as(batch.logp_rollout)
        return replace(batch, advantages=self.corrected(advantages, batch))

    def corrected(self, advantages: Tensor, batch: Batch) -> Tensor:
        """The advantages [B, T] times the correction's factor, where there is a correction."""
        if self.correction is None:
            return advantages
        return advantages * self.correction.factor(batch.logp_old, batch.logp_rollout, batch.mask)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        """Stage 3, objective: the loss of a minibatch, before it is aggregated. By default that of
        `token_loss`, around the anchor, with the method's settings; without one, the loss whose
        weight is the method's line."""
        loss = type(self).token_loss
        if loss is None:
            return self._of_line(scores.logp, batch)
        given = {name: getattr(batch, name) for name in GIVEN if name in _arguments(loss)}
        return loss(scores.logp, batch.logp_anchor, **given, **self.settings_for(loss))

    def _of_line(self, logp: Tensor, batch: Batch) -> TokenLoss:
        """L = -sg[w] log π(y_t), w what the line says."""
        if self.line is None:
            raise NotImplementedError(
                f"{type(self).__name__}: expected an objective, a token_loss or a formula"
            )
        old, mask = batch.logp_anchor, batch.mask
        known = lines.of_tokens(batch.advantages, logp, old, mask)
        w = lines.evaluate(self.line, known).to(logp).masked_fill(~mask, 0.0)
        kept, new = (w != 0) | (known["A"] == 0), logp.masked_fill(~mask, 0.0)
        return TokenLoss(-w * new, weigh(new - old.masked_fill(~mask, 0.0), kept, w, mask))

    def loss(self, per_token: Tensor, batch: Batch) -> Tensor:
        """The objective as one number: tokens are combined by `aggregation`, completions that have
        an unmasked token by their mean; of none of them it is 0."""
        if per_token.dim() == 2:
            return aggregate(per_token, batch.mask, self.aggregation, horizon=batch.horizon)
        counted = per_token[batch.mask.any(-1)] if per_token.dim() else per_token
        return counted.sum() / max(1, counted.numel())

    def update(self, step: Step) -> None:
        """Stage 4, update: how a batch changes the parameters. By default, one descent for each of
        its minibatches, until the policy has moved by `stop_kl`."""
        for number, part in enumerate(step.minibatches()):
            if self.stop_kl is None or not number:
                part.descend(part.loss())
                continue
            scores = part.score()
            if self._moved(scores, part.batch) > self.stop_kl:
                return
            part.descend(part.loss(scores))

    @staticmethod
    def _moved(scores: Scores, batch: Batch) -> float:
        """Estimate of KL(sampler || policy), nats per token."""
        logp, sampled = (x.detach()[batch.mask] for x in (scores.logp, batch.logp_rollout))
        return float(k3(sampled.to(logp), logp).mean())


@dataclass(frozen=True)
class TokenLoss:
    """What an objective returns."""

    per_token: Tensor
    """[B, T], counted where the mask is True; or [B], one per completion, counted where it has an
    unmasked token; or one number, such as a mean over pairs or prompts. Differentiable."""
    diagnostics: dict[str, Tensor] = field(default_factory=dict)
    """Detached [B, T]: `ratio`, `kept` (bool: the token is not clipped or masked), `weight` = w
    = -dL/dlogp by the method's formula; 1, False and 0 where masked. What is missing here is
    missing from the history."""

    def plus(self, per_token: Tensor, weight: Tensor, **more: Tensor) -> TokenLoss:
        """The loss with a term added to it, [B, T] each, whose own weight is `weight`, and with
        more diagnostics."""
        weight = self.diagnostics["weight"] + weight.detach()
        return TokenLoss(self.per_token + per_token, {**self.diagnostics, **more, "weight": weight})


class Step(Protocol):
    """What `update` receives: a batch, or a minibatch of it, which it may score as often as
    it likes."""

    batch: Batch
    parameters: list[Tensor]  #: What learns.
    weights: Mapping[str, Tensor]  #: The same by name.
    reference: Mapping[str, Tensor]  #: The reference's weights by the same names.
    critic: list[Tensor]  #: The critic's parameters, where the method has one.

    @property
    def lr(self) -> float:
        """The learning rate of the next descent."""

    def minibatches(self) -> Iterator[Any]:
        """The batch's parts in the order of its updates, `epochs` times; a minibatch has only
        itself."""

    def score(
        self,
        rows: Tensor | None = None,
        *,
        weights: Mapping[str, Tensor] | None = None,
        double_backward: bool = False,
        perturb: Callable[[Tensor], Tensor] | None = None,
    ) -> Scores:
        """A fresh forward pass over all or some rows, with gradient. `weights` replace the
        parameters that they name; `double_backward` lets it be differentiated twice;
        `perturb` changes the embedded tokens [.., H] that the model reads."""

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """J v, [B, T, V]: the derivative of the whole distribution's log-probs along a direction of
        the parameters."""

    def values(self, rows: Tensor | None = None) -> Tensor:
        """[B, T]: the critic's values, with gradient."""

    def value_slope(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """[B, T]: the derivative of the critic's values along a direction of its parameters."""

    def loss(self, scores: Scores | None = None) -> Tensor:
        """The objective as one number with gradient, from these scores; None: from fresh ones."""

    def descend(self, loss: Tensor, *, lr_scale: float = 1.0) -> None:
        """Backpropagate, clip the gradient's norm, and take one optimiser step at `lr_scale` times
        the learning rate."""

    def report(self, loss: float, grad_norm: float) -> None:
        """Record in the history an update that `descend` did not make."""

    def show(self, **columns: float) -> None:
        """Record in the history, with the next update, columns that a loss's diagnostics cannot
        show: `drift`, `covariance`."""

    def move_reference(self, share: float = 1.0) -> None:
        """Move the reference's weights this share of the way to the policy's; 1: a copy."""


@functools.cache
def _arguments(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(signature(function).parameters)


def check_per_token(loss: object, mask: Tensor) -> None:
    """Check that a loss to which a term is added has a number and a `weight` for every token of
    the mask [B, T].
    Raises TypeError, ValueError: it has not."""
    if not isinstance(loss, TokenLoss):
        raise TypeError(f"loss: expected the TokenLoss of a method, got {type(loss).__name__}")
    shape, weight = tuple(mask.shape), loss.diagnostics.get("weight")
    checks.floating("loss.per_token", loss.per_token, shape, "B, T")
    checks.floating("loss.diagnostics['weight']", weight, shape, "B, T")


def unclipped(
    value: Tensor, advantages: Tensor, low: float | Tensor, high: float | Tensor
) -> Tensor:
    """[B, T] bool: the tokens that a clip of `value` to [low, high] lets learn, which are those
    inside and those that their advantage brings back."""
    return ((advantages >= 0) & (value <= high)) | ((advantages <= 0) & (value >= low))


def weigh(
    log_ratio: Tensor, kept: Tensor, weight: Tensor, mask: Tensor, **more: Tensor
) -> dict[str, Tensor]:
    """The diagnostics that a loss returns, detached and neutral where masked (ratio 1, kept False,
    weight 0)."""
    return {
        "ratio": checks.capped(log_ratio.detach()).exp(),
        "kept": kept & mask,
        "weight": weight.detach().where(mask, 0.0),
        **{name: value.detach() for name, value in more.items()},
    }
