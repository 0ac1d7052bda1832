"""What a method's `update` receives: a batch or a minibatch, and the means to score, differentiate and
descend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trlib.algorithms.method import Batch, Method, Scores, TokenLoss
from trlib.arguments import choice
from trlib.corrections import sequence_ess
from trlib.loop.critic import Critic
from trlib.loop.learner import Learner
from trlib.loop.metrics import SHOWN, Update, observe, sampler_kl
from trlib.loop.reference import penalised
from trlib.loop.user_errors import user_errors
from trlib.model.completions import Completions


class Minibatch:
    """The loop's `trlib.algorithms.method.Step`: some completions that it scores and descends on."""

    def __init__(
        self,
        learner: Learner,
        method: Method,
        completions: Completions,
        batch: Batch,
        *,
        done: list[Update],
        scored: Scores | None = None,
    ) -> None:
        """`done`: the batch's updates so far, which `report` adds to. `scored`: the scores of the
        only update, where the batch has just one."""
        self.learner, self.method = learner, method
        self.completions = completions
        self.batch = batch
        self.done = done
        self.scored = scored
        self.weights: Mapping[str, Tensor] = learner.weights
        self.parameters = list(self.weights.values())
        self.reference: Mapping[str, Tensor] = learner.reference_weights
        self.critic = [] if learner.critic is None else learner.critic.parameters
        self.token_loss: TokenLoss | None = None
        """What the objective returned last, for the history; None: the update has computed no
        loss."""
        self.sampler_kl = self.ess_seq = math.nan
        """The history's columns of these names; NaN: not measured."""
        self.shown: dict[str, float] = {}
        """Columns of the next update."""

    @property
    def lr(self) -> float:
        return self.learner.optimizer_step.lr

    def minibatches(self) -> Iterator[Minibatch]:
        yield self

    def score(
        self,
        rows: Tensor | None = None,
        *,
        weights: Mapping[str, Tensor] | None = None,
        double_backward: bool = False,
        perturb: Callable[[Tensor], Tensor] | None = None,
    ) -> Scores:
        at_once = None if double_backward else self.learner.settings.at_once
        # The fused kernels have only one derivative.
        with sdpa_kernel(SDPBackend.MATH) if double_backward else nullcontext():
            return self.learner.score(
                self._rows(rows), weights=weights, at_once=at_once, perturb=perturb
            )

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        c = self._rows(rows)
        policy, temperature = self.learner.policy, self.learner.settings.temperature
        names, layout = list(self.weights), policy.layout(c)

        def log_probs(*weights: Tensor) -> Tensor:
            by_name = dict(zip(names, weights, strict=True))
            return policy.score(
                c, temperature=temperature, full=True, weights=by_name, layout=layout
            ).full

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
        scores = scores or self.scored or self.score()
        with user_errors(self.method, "objective"):
            token_loss = _checked(self.method.objective(scores, self.batch), self.batch)
            if (near := self.method.kept_near) is not None:
                token_loss = penalised(near, token_loss, scores, self.batch)
            self.token_loss = token_loss
        with user_errors(self.method, "loss"):
            loss = self.method.loss(self.token_loss.per_token, self.batch)
        self._observe(scores)
        return loss

    def _observe(self, scores: Scores) -> None:
        """The columns `ess_seq`, and `kl_sampler` where it is a batch's first loss: a later one
        repeats it."""
        given = scores.logp, self.batch.logp_rollout, self.batch.mask
        whole = scores.logp.shape == self.batch.mask.shape  # else they are of other rows
        self.ess_seq = sequence_ess(*given) if whole else math.nan
        if whole and not self.done and math.isnan(self.sampler_kl):
            self.sampler_kl = sampler_kl(*given)

    def descend(self, loss: Tensor, *, lr_scale: float = 1.0) -> None:
        self.report(*self.learner.optimizer_step.step(loss, lr_scale))

    def report(self, loss: float, grad_norm: float) -> None:
        finite = self.learner.optimizer_step.finite
        loss, grad_norm = finite("loss", loss), finite("grad_norm", grad_norm)
        update = observe(
            loss, grad_norm, self.token_loss, self.batch, self.sampler_kl, self.ess_seq
        )
        update.means.update(self.shown)
        self.done.append(update)
        self.shown = {}

    def show(self, **columns: float) -> None:
        for name in columns:
            choice("columns", name, SHOWN)
        self.shown |= columns

    def move_reference(self, share: float = 1.0) -> None:
        if not self.reference:
            raise ValueError(
                "reference: the method has none; its `needs` must name it: Needs(reference=True)"
            )
        self.learner.move_reference(share)

    def _rows(self, rows: Tensor | None) -> Completions:
        return self.completions if rows is None else self.completions.rows(rows)

    def _critic(self) -> Critic:
        if self.learner.critic is None:
            raise ValueError(
                "critic: the method has none; its `needs` must name it: Needs(critic=1.0)"
            )
        return self.learner.critic


def _checked(returned: object, batch: Batch) -> TokenLoss:
    """What an objective returned, if it is a loss of this batch."""
    if not isinstance(returned, TokenLoss):
        raise TypeError(
            f"objective: expected a TokenLoss, got {type(returned).__name__}; wrap it: "
            "TokenLoss(loss)"
        )
    loss, shape = returned.per_token, batch.mask.shape
    if not isinstance(loss, Tensor) or not loss.is_floating_point():
        raise TypeError(
            f"per_token: expected a float tensor, got {getattr(loss, 'dtype', type(loss).__name__)}"
        )
    if loss.dim() and loss.shape not in (shape, shape[:1]):
        raise ValueError(
            f"per_token: expected [B, T] = {list(shape)}, [B], or one number, such as a mean over "
            f"pairs, got {list(loss.shape)}"
        )
    for name in ("ratio", "kept"):
        value = returned.diagnostics.get(name)
        if value is not None and (not isinstance(value, Tensor) or value.shape != shape):
            raise ValueError(
                f"diagnostics[{name!r}]: expected [B, T] = {list(shape)}, got "
                f"{list(getattr(value, 'shape', []))}"
            )
    return returned
