"""How a loss moves the weights: backward, clip, warm up, and one step of the optimiser."""

import math
from itertools import chain

import torch
from torch import Tensor

from trlib import checks
from trlib.errors import NonFiniteError
from trlib.loop.optimizers import Maker, build


class OptimizerStep:
    """An optimiser over the policy's parameters, and the critic's where there is one, with what
    every optimiser needs.

    An optimiser moves a weight by about the learning rate, often 1e-6, and two neighbours in
    bfloat16 are .4 to .8 % of a weight apart: an update would be lost. Weights of 16 bits are
    therefore the rounding of float32 copies, which learn."""

    def __init__(
        self,
        parts: list[tuple[list[Tensor], float]],
        make: Maker,
        *,
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
        warmup: int,
        grad_norm: float,
        schedule: str = "constant",
        planned: int = 0,
    ) -> None:
        """`parts`: the policy's parameters, then the critic's, each with a multiple of `lr`.
        `planned`: the updates of the whole run. The others are settings of the run."""
        self.full_lr, self.warmup, self.grad_norm = lr, warmup, grad_norm
        self.schedule, self.planned = schedule, planned
        self.exact: list[tuple[Tensor, Tensor]] = []
        """Each parameter of 16 bits with the copy that learns for it."""
        self.parts = [self._stepped(parameters) for parameters, _ in parts]
        self.lr_scales = {
            id(p): scale for part, (_, scale) in zip(self.parts, parts, strict=True) for p in part
        }
        groups = [{"params": part} for part in self.parts]
        self.optimizer = build(make, groups, lr=lr, betas=betas, weight_decay=weight_decay)
        self.updates = 0

    @property
    def lr(self) -> float:
        """The learning rate of the next step, on the policy's parameters."""
        return self.full_lr * self._share()

    def _share(self) -> float:
        """The share of the full learning rate that the next update takes. It rises over the first
        `warmup` updates. A schedule that falls would reach 0 in the update after the last."""
        if self.updates < self.warmup:
            return (self.updates + 1) / self.warmup
        if self.schedule == "constant":
            return 1.0
        done = (self.updates - self.warmup) / max(self.planned - self.warmup, 1)
        if self.schedule == "linear":
            return max(0.0, 1.0 - done)
        return (1 + math.cos(math.pi * min(done, 1.0))) / 2

    def step(self, loss: Tensor, lr_scale: float = 1.0) -> tuple[float, float]:
        """One step down, at `lr_scale` times the learning rate: the loss, and the gradient's norm
        before it is clipped.

        Raises:
            NonFiniteError: either is NaN or inf, and the parameters stay as they were; or the
                parameters are, after the step.
            ValueError: the loss has no gradient."""
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            got = list(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(f"loss: expected a tensor of one number, got {got}")
        value = self.finite("loss", loss)
        if not loss.requires_grad:
            raise ValueError(
                f"loss: expected a number with a gradient in the parameters, got {value:g} "
                "without one"
            )
        for p in chain(*self.parts):  # including those that a custom optimiser leaves out
            p.grad = None
        loss.backward()
        for p, weight in self.exact:
            if p.grad is not None:
                weight.grad, p.grad = p.grad.float(), None
        # Policy and critic are clipped apart: a critic that is far off would otherwise take the
        # policy's share.
        norm, *of_critic = (
            float(torch.nn.utils.clip_grad_norm_(part, self.grad_norm)) for part in self.parts
        )
        self.finite("grad_norm", norm)
        for critic_norm in of_critic:
            self.finite("the critic's grad_norm", critic_norm)
        lr = self.lr * lr_scale
        self.updates += 1
        for group in self.optimizer.param_groups:  # a custom optimiser may have split a part
            multiple = next((self.lr_scales[id(p)] for p in group["params"]), 0.0)
            group["lr"] = lr * multiple
        self.optimizer.step()
        with torch.no_grad():
            for p, weight in self.exact:
                p.copy_(weight)
            moved = [*chain(*self.parts)]
            # A sum takes an eighth of the time, and is finite only if every weight is.
            whole = torch.stack([p.sum() for p in moved]).isfinite().all()
        if not whole and not all(bool(p.isfinite().all()) for p in moved):
            raise NonFiniteError(
                f"update {self.updates - 1}: the weights are not finite after a step with lr = "
                f"{self.full_lr:g}, expected a smaller lr"
            )
        return value, norm

    def finite(self, metric: str, value: float | Tensor) -> float:
        """The value, if it is finite. Raises NonFiniteError, which names the metric, if not."""
        value = float(value.detach() if isinstance(value, Tensor) else value)
        if not math.isfinite(value):
            raise NonFiniteError(
                f"update {self.updates}: {metric} is {value}, expected a finite number"
            )
        return value

    def _stepped(self, parameters: list[Tensor]) -> list[Tensor]:
        """What the optimiser steps on: the parameters, or the float32 copies of those that are
        coarse."""
        stepped = [p.detach().float() if p.dtype in checks.COARSE else p for p in parameters]
        self.exact += [
            (p, weight) for p, weight in zip(parameters, stepped, strict=True) if weight is not p
        ]
        return stepped
