"""What the update box is handed: a batch or a minibatch, and the means to score, differentiate and descend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trlib.algorithms.method import Batch, Method, Scores, TokenLoss
from trlib.algorithms.needs import Needs
from trlib.loop.boxes import box
from trlib.loop.critic import Critic
from trlib.loop.learner import Learner
from trlib.loop.metrics import Update, observe, sampler_kl
from trlib.model.completions import Completions


class LoopStep:
    """The loop's `trlib.algorithms.method.Step`."""

    def __init__(
        self,
        learner: Learner,
        method: Method,
        needs: Needs,
        completions: Completions,
        batch: Batch,
        *,
        done: list[Update],
        parts: Callable[[], Iterator[LoopStep]] | None = None,
        skip: bool = False,
    ) -> None:
        """`done`: the batch's updates so far, told by `report`. `parts`: a whole batch's minibatches. `skip`: do not
        score completions without an advantage."""
        self.learner, self.method, self.needs = learner, method, needs
        self.completions, self.batch, self.done, self.parts, self.skip = completions, batch, done, parts, skip
        self.weights: Mapping[str, Tensor] = learner.weights
        self.parameters = list(self.weights.values())
        self.reference: Mapping[str, Tensor] = learner.reference_weights()
        self.critic = [] if learner.critic is None else learner.critic.parameters
        self.token_loss: TokenLoss | None = None
        self.behind = math.nan

    @property
    def lr(self) -> float:
        return self.learner.descent.lr

    def minibatches(self) -> Iterator[LoopStep]:
        return iter([self]) if self.parts is None else self.parts()

    def score(
        self,
        rows: Tensor | None = None,
        *,
        weights: Mapping[str, Tensor] | None = None,
        twice: bool = False,
        perturb: Callable[[Tensor], Tensor] | None = None,
    ) -> Scores:
        c, needs, settings = self._rows(rows), self.needs, self.learner.settings
        with sdpa_kernel(SDPBackend.MATH) if twice else nullcontext():  # the fused kernels have one derivative only
            scores = self.learner.policy.score(
                c,
                temperature=settings.temperature,
                full=needs.full,
                weights=weights,
                at_once=None if twice else settings.at_once,
                hidden=needs.hidden,
                perturb=perturb,
            )
            return Scores(**{**vars(scores), "values": self.values(rows)}) if needs.values else scores

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        c = self._rows(rows)
        policy, temperature = self.learner.policy, self.learner.settings.temperature
        names, layout = list(self.weights), policy.layout(c)

        def log_probs(*weights: Tensor) -> Tensor:
            given = dict(zip(names, weights, strict=True))
            return policy.score(c, temperature=temperature, full=True, weights=given, layout=layout).full

        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no forward-mode derivative
            return torch.func.jvp(log_probs, tuple(self.parameters), tuple(direction))[1].detach()

    def values(self, rows: Tensor | None = None) -> Tensor:
        return self._critic().values(self._rows(rows))

    def value_slope(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        critic, c = self._critic(), self._rows(rows)
        names, layout = list(critic.trainable), critic.policy.layout(c)

        def values(*weights: Tensor) -> Tensor:
            return critic.values(c, dict(zip(names, weights, strict=True)), layout)

        with sdpa_kernel(SDPBackend.MATH):
            return torch.func.jvp(values, tuple(critic.parameters), tuple(direction))[1].detach()

    def loss(self, scores: Scores | None = None) -> Tensor:
        if scores is None:
            scores = self._teaching() if self.skip else self.score()
        if self.needs.old and "logp_old" not in self.batch.extra:  # the batch's only update: the policy is the old one
            self.batch = self.batch.plus(logp_old=scores.logp.detach())
        if not self.done and math.isnan(self.behind) and scores.logp.shape == self.batch.mask.shape:
            taught = (self.batch.advantages != 0) if self.skip else True  # the others were not scored
            self.behind = sampler_kl(scores.logp, self.batch.logp_rollout, self.batch.mask & taught)
        with box(self.method, "objective"):
            self.token_loss = _checked(self.method.objective(scores, self.batch), self.batch)
        with box(self.method, "loss"):
            return self.method.loss(self.token_loss.per_token, self.batch)

    def _teaching(self) -> Scores:
        """Scores of the completions that have an advantage; the others' log-probs are the sampler's, without gradient.
        They stay in the batch, so that every mean has the denominator that it would have."""
        batch = self.batch
        rows = ((batch.advantages != 0) & batch.mask).any(1).nonzero().squeeze(-1)
        if not len(rows):
            rows = torch.zeros(1, dtype=torch.long, device=batch.mask.device)  # a loss that has a gradient: 0
        logp = self.score(rows).logp
        return Scores(batch.logp_rollout.to(logp.dtype).index_copy(0, rows, logp))

    def descend(self, loss: Tensor, *, speed: float = 1.0) -> None:
        self.report(*self.learner.descent.step(loss, speed))

    def report(self, loss: float, grad_norm: float) -> None:
        finite = self.learner.descent.finite
        self.done.append(
            observe(finite("loss", loss), finite("grad_norm", grad_norm), self.token_loss, self.batch, self.behind)
        )

    def move_reference(self, share: float = 1.0) -> None:
        if not self.reference:
            raise ValueError("reference: the method has none; its `needs` must name it: Needs(reference=True)")
        with torch.no_grad():
            for name, p in self.reference.items():
                p.lerp_(self.weights[name], share)

    def _rows(self, rows: Tensor | None) -> Completions:
        return self.completions if rows is None else self.completions.rows(rows)

    def _critic(self) -> Critic:
        if self.learner.critic is None:
            raise ValueError("critic: the method has none; its `needs` must name it: Needs(critic=1.0)")
        return self.learner.critic


def proportional(kind: type[Method]) -> bool:
    """Whether a token's loss is its advantage times something, and the loss a mean of these: where the advantage is 0
    nothing can be learnt, and the loop need not look.

    A class says so by `proportional = True` beside its `objective`, or beside the function that it is `of`; one that
    writes another of these, `loss` or `update` says it again.
    """
    written = ("objective", "function", "loss", "update")
    author = next(base for base in kind.__mro__ if any(name in vars(base) for name in written))
    return vars(author).get("proportional", False)


def _checked(found: object, batch: Batch) -> TokenLoss:
    """What an objective returned, if it is a loss of this batch."""
    if not isinstance(found, TokenLoss):
        raise TypeError(f"objective: expected a TokenLoss, got {type(found).__name__}; wrap it: TokenLoss(loss)")
    loss, shape = found.per_token, batch.mask.shape
    if not isinstance(loss, Tensor) or not loss.is_floating_point():
        raise TypeError(f"per_token: expected a float tensor, got {getattr(loss, 'dtype', type(loss).__name__)}")
    if loss.dim() > 1 and loss.shape != shape:
        raise ValueError(f"per_token: expected [B, T] = {list(shape)}, [N] or one number, got {list(loss.shape)}")
    for name in ("ratio", "kept"):
        value = found.diagnostics.get(name)
        if value is not None and (not isinstance(value, Tensor) or value.shape != shape):
            raise ValueError(
                f"diagnostics[{name!r}]: expected [B, T] = {list(shape)}, got {list(getattr(value, 'shape', []))}"
            )
    return found
