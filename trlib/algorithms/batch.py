"""What a method receives: a batch of completions, and what the current policy says of its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypedDict

from torch import Tensor

from trlib.algorithms.memory import Memory
from trlib.algorithms.needs import Provided, require
from trlib.divergences import TopK

Anchor = Literal["rollout", "recomputed"]


class AdvantagesAndMask(TypedDict):
    """What a loss per token takes besides log-probs: [B, T] advantages, and a [B, T] mask of the
    tokens that count."""

    advantages: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Batch:
    """Completions and what is known about them. Rows of one prompt share a number in `group`; a
    minibatch holds whole groups."""

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
    """[B, T] log mu(y_t) under the policy that sampled, as the sampler computed it."""
    advantages: Tensor = None  # type: ignore[assignment]
    """[B, T], None until `Method.prepare` has set it."""
    anchor: Anchor = "rollout"
    """Which policy the trust region is drawn around."""
    number: int = 0
    """Which batch of the run, from 0."""
    batches: int = 1
    """How many batches the run will have."""
    reasons: tuple[str, ...] = ()
    """[B] what the verifier says about each completion: right, or why not."""
    memory: Memory = field(default_factory=Memory)
    """What the method keeps between batches, changed in place."""
    provided: Provided = field(default_factory=Provided)
    """What `needs` asked for; read it by the properties below."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """What a method has added: batch.extra["name"]."""
    age: Tensor | None = None
    """[B, T] how many batches behind each token's policy is; None: 0 everywhere."""

    @property
    def logp_old(self) -> Tensor:
        """[B, T] log-probs under the learner before this batch's updates. What a loss calls
        `logp_old` is `logp_anchor`, which is this only where the anchor is "recomputed"."""
        return require("logp_old", "batch", self.provided.logp_old)

    @property
    def logp_ref(self) -> Tensor:
        """[B, T] log-probs under the reference."""
        return require("logp_ref", "batch", self.provided.logp_ref)

    @property
    def full_anchor(self) -> Tensor:
        """[B, T, V] log-probs of the whole vocabulary under the anchor."""
        return require("full_anchor", "batch", self.provided.full_anchor)

    @property
    def topk_anchor(self) -> TopK:
        """The anchor's k most likely tokens and their log-probs, [B, T, k] each."""
        return require("topk_anchor", "batch", self.provided.topk_anchor)

    @property
    def values(self) -> Tensor:
        """[B, T] the critic's values before this batch's updates; [B, T, outputs] where it gives
        several."""
        return require("values", "batch", self.provided.values)

    @property
    def logp_anchor(self) -> Tensor:
        """[B, T] log-probs under the policy that the trust region is drawn around, the denominator
        of the ratio. A loss receives it as its argument `logp_old`."""
        return self.logp_rollout if self.anchor == "rollout" else self.logp_old

    @property
    def credit(self) -> AdvantagesAndMask:
        """The advantages and the tokens that they belong to, as a loss takes them:
        `ppo_loss(..., **batch.credit)`."""
        return {"advantages": self.advantages, "mask": self.mask}

    @property
    def lengths(self) -> Tensor:
        """[B] number of sampled tokens."""
        return self.mask.sum(-1)

    def plus(self, **more: Any) -> Batch:
        """The batch with more tensors [B, ...]: after `batch.plus(near=...)`, read
        `batch.extra["near"]`. A name from `Provided` sets what `needs` would bring.
        Raises ValueError: another name that the batch already has, or a value without one row per
        completion."""
        needed = {f.name for f in fields(Provided)}
        for name, value in more.items():
            if name in dir(self) and name not in needed:
                raise ValueError(
                    f"{name}: expected a new name, got one of the batch's own; replace(batch, "
                    f"{name}=...) sets it"
                )
            shape = getattr(getattr(value, "ids", value), "shape", ())  # for a TopK, its tokens
            if shape[:1] != self.mask.shape[:1]:
                got = list(shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(
                    f"{name}: expected a tensor [B, ...] with B = {len(self.mask)}, got {got}"
                )
        provided = {name: value for name, value in more.items() if name in needed}
        extra = {name: value for name, value in more.items() if name not in needed}
        return replace(
            self, provided=replace(self.provided, **provided), extra={**self.extra, **extra}
        )

    def rows(self, index: Tensor) -> Batch:
        """The batch with only the completions that `index` names."""
        tensors: dict[str, Any] = {
            name: x[index] for name, x in vars(self).items() if isinstance(x, Tensor)
        }
        provided = {
            name: value[index] for name, value in vars(self.provided).items() if value is not None
        }
        return replace(
            self,
            **tensors,
            provided=Provided(**provided),
            extra={name: value[index] for name, value in self.extra.items()},
            reasons=tuple(self.reasons[i] for i in index.tolist()) if self.reasons else (),
        )


class Scores:
    """What the current policy says about a batch's tokens, with gradient; all but `logp` must be
    named in `needs`."""

    def __init__(
        self,
        logp: Tensor,
        full: Tensor | None = None,
        *,
        values: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> None:
        self.logp = logp
        """[B, T] log pi(y_t)."""
        self._full, self._values, self._hidden = full, values, hidden

    @property
    def full(self) -> Tensor:
        """[B, T, V] log-probs of the whole vocabulary: `Needs(full=True)`."""
        return require("full", "scores", self._full)

    @property
    def values(self) -> Tensor:
        """[B, T] the critic's values, or [B, T, outputs]: `Needs(critic=1.0, values=True)`."""
        return require("values", "scores", self._values)

    @property
    def hidden(self) -> Tensor:
        """[B, T, H] what the output layer reads: `Needs(hidden=True)`."""
        return require("hidden", "scores", self._hidden)

    def present(self) -> dict[str, Tensor]:
        """The scores that are present, by name: `Scores(**scores.present())` is a copy."""
        every = {
            "logp": self.logp,
            "full": self._full,
            "values": self._values,
            "hidden": self._hidden,
        }
        return {name: value for name, value in every.items() if value is not None}
