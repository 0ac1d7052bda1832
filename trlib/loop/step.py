"""What the update box receives: a batch or a minibatch, and the means to score, differentiate and descend.

`LoopStep` is what a method sees; `Descent` is how its loss moves the weights: backward, clip, warm up, and one step of
the optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trlib import checks
from trlib.algorithms.method import Batch, Method, Scores, TokenLoss
from trlib.algorithms.needs import Needs
from trlib.arguments import as_json
from trlib.corrections import sequence_ess
from trlib.errors import CheckpointError, NonFiniteError
from trlib.loop.boxes import box
from trlib.loop.critic import Critic
from trlib.loop.metrics import Update, observe, sampler_kl
from trlib.loop.optimizers import Maker, build
from trlib.loop.settings import RunSettings
from trlib.model.completions import Completions

if TYPE_CHECKING:
    from trlib.loop.learner import Learner


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
        """`done`: the batch's updates so far, which `report` adds to. `parts`: a whole batch's minibatches. `skip`: do
        not score completions without an advantage."""
        self.learner, self.method, self.needs = learner, method, needs
        self.completions, self.batch, self.done, self.parts, self.skip = completions, batch, done, parts, skip
        self.weights: Mapping[str, Tensor] = learner.weights
        self.parameters = list(self.weights.values())
        self.reference: Mapping[str, Tensor] = learner.reference_weights
        self.critic = [] if learner.critic is None else learner.critic.parameters
        self.token_loss: TokenLoss | None = None
        """What the objective returned last, for the history; None: the update box has computed no loss."""
        self.sampler_kl = self.ess_seq = math.nan
        """The history's columns of these names; NaN: not measured."""

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
        with sdpa_kernel(SDPBackend.MATH) if twice else nullcontext():  # the fused kernels have only one derivative
            asked: dict[str, Any] = {"full": needs.full, "hidden": needs.hidden, "temperature": settings.temperature}
            at_once = None if twice else settings.at_once
            scores = self.learner.policy.score(c, weights=weights, at_once=at_once, perturb=perturb, **asked)
            return Scores(**scores.present() | {"values": self.values(rows)}) if needs.values else scores

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        c = self._rows(rows)
        policy, temperature = self.learner.policy, self.learner.settings.temperature
        names, layout = list(self.weights), policy.layout(c)

        def log_probs(*weights: Tensor) -> Tensor:
            by_name = dict(zip(names, weights, strict=True))
            return policy.score(c, temperature=temperature, full=True, weights=by_name, layout=layout).full

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
        if self.needs.old and self.batch.brought.logp_old is None:
            # The batch's only update is about to begin: the policy is the old one, and needs no pass of its own.
            self.batch = self.batch.plus(logp_old=scores.logp.detach())
        if self.skip and checks.values_checked():
            with box(self.method, "objective"):
                check_proportional(self.method, scores, self.batch)
        with box(self.method, "objective"):
            token_loss = _checked(self.method.objective(scores, self.batch), self.batch)
        with box(self.method, "loss"):
            loss = self.method.loss(token_loss.per_token, self.batch)
        scored = self._scored(scores)
        ess = math.nan if scored is None else sequence_ess(scores.logp, self.batch.logp_rollout, scored)
        self.token_loss, self.sampler_kl, self.ess_seq = token_loss, self._sampler_kl(scores), ess
        return loss

    def _scored(self, scores: Scores) -> Tensor | None:
        """[B, T]: the tokens with a log-prob of the policy's own; None: the scores are of other rows."""
        if scores.logp.shape != self.batch.mask.shape:
            return None
        return self.batch.mask & (self.batch.advantages != 0) if self.skip else self.batch.mask

    def _sampler_kl(self, scores: Scores) -> float:
        """Measured by the first loss of a batch, before any update; later losses repeat it."""
        scored = self._scored(scores)
        if self.done or scored is None or not math.isnan(self.sampler_kl):
            return self.sampler_kl
        return sampler_kl(scores.logp, self.batch.logp_rollout, scored)

    def _teaching(self) -> Scores:
        """Scores of the completions that have an advantage; the others' log-probs are the sampler's, without gradient.
        They stay in the batch, so that every mean keeps its denominator."""
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
        loss, grad_norm = finite("loss", loss), finite("grad_norm", grad_norm)
        self.done.append(observe(loss, grad_norm, self.token_loss, self.batch, self.sampler_kl, self.ess_seq))

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


def check_proportional(method: Method, scores: Scores, batch: Batch) -> None:
    """Hold a method to its declaration that a completion without an advantage has no gradient: every second completion
    loses its advantage, at log-probs that have moved from the old ones and the sampler's.
    Raises ValueError: such a completion has a gradient, so leaving it out would change what is learned."""
    silent = torch.arange(len(batch.mask), device=batch.mask.device) % 2 == 1
    logp = (scores.logp.detach() - 0.1).requires_grad_()
    probe = replace(batch, advantages=batch.advantages.masked_fill(silent.unsqueeze(-1), 0.0))
    numbers, tensors = batch.memory.numbers(), batch.memory.tensors()
    loss = method.loss(method.objective(Scores(logp), probe).per_token, probe)
    batch.memory.restore(numbers, tensors)
    if loss.requires_grad:
        (slope,) = torch.autograd.grad(loss, logp, allow_unused=True)
        if slope is not None and bool(slope[silent.unsqueeze(-1) & batch.mask].any()):
            declared = f"{type(method).__name__}.objective is declared so"
            found = "completions whose advantage is 0 have a gradient"
            raise ValueError(f"proportional: {declared}, but {found}; expected no @proportional above it")


def _checked(returned: object, batch: Batch) -> TokenLoss:
    """What an objective returned, if it is a loss of this batch."""
    if not isinstance(returned, TokenLoss):
        raise TypeError(f"objective: expected a TokenLoss, got {type(returned).__name__}; wrap it: TokenLoss(loss)")
    loss, shape = returned.per_token, batch.mask.shape
    if not isinstance(loss, Tensor) or not loss.is_floating_point():
        raise TypeError(f"per_token: expected a float tensor, got {getattr(loss, 'dtype', type(loss).__name__)}")
    if loss.dim() > 1 and loss.shape != shape:
        raise ValueError(f"per_token: expected [B, T] = {list(shape)}, [N] or one number, got {list(loss.shape)}")
    for name in ("ratio", "kept"):
        value = returned.diagnostics.get(name)
        if value is not None and (not isinstance(value, Tensor) or value.shape != shape):
            wanted = f"[B, T] = {list(shape)}"
            raise ValueError(f"diagnostics[{name!r}]: expected {wanted}, got {list(getattr(value, 'shape', []))}")
    return returned


class Descent:
    """An optimiser over the policy's parameters, and the critic's where there is one, with what every optimiser needs.

    An optimiser moves a weight by about the learning rate, often 1e-6, and two neighbours in bfloat16 are .4 to .8 %
    of a weight apart: an update would be lost. Weights of 16 bits are therefore the rounding of float32 copies, which
    learn."""

    def __init__(self, parts: list[tuple[list[Tensor], float]], make: Maker, settings: RunSettings) -> None:
        """`parts`: the policy's parameters, then the critic's, each with a multiple of the run's learning rate."""
        self.settings = settings
        self.exact: list[tuple[Tensor, Tensor]] = []
        """Each parameter of 16 bits with the copy that learns for it."""
        self.parts = [self._stepped(parameters) for parameters, _ in parts]
        self.speeds = {id(p): speed for part, (_, speed) in zip(self.parts, parts, strict=True) for p in part}
        groups = [{"params": part} for part in self.parts]
        self.optimizer = build(make, groups, lr=settings.lr, betas=settings.betas, weight_decay=settings.weight_decay)
        self.updates = 0

    @property
    def lr(self) -> float:
        """The learning rate of the next step, on the policy's parameters."""
        return self.settings.lr * min(1.0, (self.updates + 1) / max(self.settings.warmup, 1))

    def step(self, loss: Tensor, speed: float = 1.0) -> tuple[float, float]:
        """One step down, at `speed` times the learning rate: the loss, and the gradient's norm before it is clipped.

        Raises:
            NonFiniteError: either is NaN or inf; the parameters stay as they were.
            ValueError: the loss has no gradient."""
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            got = list(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(f"loss: expected a tensor of one number, got {got}")
        value = self.finite("loss", loss)
        if not loss.requires_grad:
            raise ValueError(f"loss: expected a number with a gradient in the parameters, got {value:g} without one")
        for p in chain(*self.parts):  # including those that a custom optimiser leaves out
            p.grad = None
        loss.backward()
        for p, weight in self.exact:
            if p.grad is not None:
                weight.grad, p.grad = p.grad.float(), None
        # Policy and critic are clipped apart: a critic that is far off would otherwise take the policy's share.
        norm, *of_critic = (float(torch.nn.utils.clip_grad_norm_(part, self.settings.grad_norm)) for part in self.parts)
        self.finite("grad_norm", norm)
        for critic_norm in of_critic:
            self.finite("the critic's grad_norm", critic_norm)
        self.updates += 1
        for group in self.optimizer.param_groups:  # a custom optimiser may have split a part
            multiple = next((self.speeds[id(p)] for p in group["params"]), 0.0)
            group["lr"] = self.settings.lr * multiple * min(1.0, self.updates / max(self.settings.warmup, 1)) * speed
        self.optimizer.step()
        with torch.no_grad():
            for p, weight in self.exact:
                p.copy_(weight)
        return value, norm

    def finite(self, metric: str, value: float | Tensor) -> float:
        """The value, if it is finite. Raises NonFiniteError, which names the metric, if not."""
        value = float(value.detach() if isinstance(value, Tensor) else value)
        if not math.isfinite(value):
            raise NonFiniteError(f"update {self.updates}: {metric} is {value}, expected a finite number")
        return value

    def tensors(self) -> dict[str, Tensor]:
        """A copy of every tensor that the next steps depend on."""
        copies = {f"exact/{i}": weight.clone() for i, (_, weight) in enumerate(self.exact)}
        return copies | {f"optimizer/{key}": value.clone() for key, value in self._state() if isinstance(value, Tensor)}

    def numbers(self) -> dict[str, Any]:
        """The rest of what they depend on, as JSON values.
        Raises CheckpointError: the optimiser keeps something that is neither a tensor nor a plain value."""
        state = {key: _as_json(f"state {key}", value) for key, value in self._state() if not isinstance(value, Tensor)}
        groups = [
            {name: _as_json(name, value) for name, value in group.items() if name not in ("params", "lr")}
            for group in self.optimizer.param_groups
        ]
        return {"updates": self.updates, "state": state, "groups": groups}

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `numbers` returned."""
        with torch.no_grad():
            for i, (_, weight) in enumerate(self.exact):
                weight.copy_(tensors[f"exact/{i}"])
        state: dict[int, dict[str, Any]] = {}
        saved = {key.removeprefix("optimizer/"): t for key, t in tensors.items() if key.startswith("optimizer/")}
        for key, value in {**saved, **numbers["state"]}.items():
            i, name = key.split("/", 1)
            state.setdefault(int(i), {})[name] = value
        fresh = self.optimizer.state_dict()
        groups = [{**group, **options} for group, options in zip(fresh["param_groups"], numbers["groups"], strict=True)]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        # torch casts a state to its parameter's type; one that had another type gets it back.
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for i, p in enumerate(parameters):
            loaded = self.optimizer.state.get(p, {})
            for name, value in state.get(i, {}).items():
                if isinstance(value, Tensor) and loaded[name].dtype != value.dtype:
                    loaded[name] = value.to(loaded[name].device)
        self.updates = numbers["updates"]

    def _state(self) -> Iterator[tuple[str, Any]]:
        """What the optimiser keeps for each of its parameters, as NUMBER/NAME and value."""
        for i, kept in self.optimizer.state_dict()["state"].items():
            if not isinstance(i, int) or not isinstance(kept, dict):
                wanted = "its state by parameter, because it is saved with the run"
                raise CheckpointError(f"optimizer: expected {wanted}, got state[{i!r}] = {type(kept).__name__}")
            yield from ((f"{i}/{name}", value) for name, value in kept.items())

    def _stepped(self, parameters: list[Tensor]) -> list[Tensor]:
        """What the optimiser steps on: the parameters, or the float32 copies of those that are coarse."""
        stepped = [p.detach().float() if p.dtype in checks.COARSE else p for p in parameters]
        self.exact += [(p, weight) for p, weight in zip(parameters, stepped, strict=True) if weight is not p]
        return stepped


def _as_json(name: str, value: Any) -> Any:
    try:
        return as_json(value)
    except TypeError as error:
        wanted = "tensors and plain values in its state, because they are saved with the run"
        raise CheckpointError(f"optimizer: expected {wanted}, got {name} = {error}") from None
