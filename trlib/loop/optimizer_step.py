"""How a loss moves the weights: backward, clip, warm up, and one step of the optimiser."""

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from trlib import checks
from trlib.arguments import as_json
from trlib.errors import CheckpointError, NonFiniteError
from trlib.loop.optimizers import Maker, build
from trlib.loop.settings import RunSettings


class OptimizerStep:
    """An optimiser over the policy's parameters, and the critic's where there is one, with what
    every optimiser needs.

    An optimiser moves a weight by about the learning rate, often 1e-6, and two neighbours in
    bfloat16 are .4 to .8 % of a weight apart: an update would be lost. Weights of 16 bits are
    therefore the rounding of float32 copies, which learn."""

    def __init__(
        self, parts: list[tuple[list[Tensor], float]], make: Maker, settings: RunSettings
    ) -> None:
        """`parts`: the policy's parameters, then the critic's, each with a multiple of the run's
        learning rate."""
        self.settings = settings
        self.exact: list[tuple[Tensor, Tensor]] = []
        """Each parameter of 16 bits with the copy that learns for it."""
        self.parts = [self._stepped(parameters) for parameters, _ in parts]
        self.lr_scales = {
            id(p): scale for part, (_, scale) in zip(self.parts, parts, strict=True) for p in part
        }
        groups = [{"params": part} for part in self.parts]
        self.optimizer = build(
            make, groups, lr=settings.lr, betas=settings.betas, weight_decay=settings.weight_decay
        )
        self.updates = 0

    @property
    def lr(self) -> float:
        """The learning rate of the next step, on the policy's parameters."""
        return self.settings.lr * min(1.0, (self.updates + 1) / max(self.settings.warmup, 1))

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
            float(torch.nn.utils.clip_grad_norm_(part, self.settings.grad_norm))
            for part in self.parts
        )
        self.finite("grad_norm", norm)
        for critic_norm in of_critic:
            self.finite("the critic's grad_norm", critic_norm)
        self.updates += 1
        for group in self.optimizer.param_groups:  # a custom optimiser may have split a part
            multiple = next((self.lr_scales[id(p)] for p in group["params"]), 0.0)
            group["lr"] = (
                self.settings.lr
                * multiple
                * min(1.0, self.updates / max(self.settings.warmup, 1))
                * lr_scale
            )
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
                f"{self.settings.lr:g}, expected a smaller lr"
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

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that the next steps depend on, itself and no copy."""
        exact = {f"exact/{i}": weight for i, (_, weight) in enumerate(self.exact)}
        return exact | {
            f"optimizer/{key}": value for key, value in self._state() if isinstance(value, Tensor)
        }

    def numbers(self) -> dict[str, Any]:
        """The rest of what they depend on, as JSON values.
        Raises CheckpointError: the optimiser keeps something that is neither a tensor nor a plain
        value."""
        state = {
            key: _as_json(f"state {key}", value)
            for key, value in self._state()
            if not isinstance(value, Tensor)
        }
        groups = [
            {
                name: _as_json(name, value)
                for name, value in group.items()
                if name not in ("params", "lr")
            }
            for group in self.optimizer.param_groups
        ]
        return {"updates": self.updates, "state": state, "groups": groups}

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `numbers` returned."""
        with torch.no_grad():
            for i, (_, weight) in enumerate(self.exact):
                weight.copy_(tensors[f"exact/{i}"])
        state: dict[int, dict[str, Any]] = {}
        saved = {
            key.removeprefix("optimizer/"): t
            for key, t in tensors.items()
            if key.startswith("optimizer/")
        }
        for key, value in {**saved, **numbers["state"]}.items():
            i, name = key.split("/", 1)
            state.setdefault(int(i), {})[name] = value
        fresh = self.optimizer.state_dict()
        groups = [
            {**group, **options}
            for group, options in zip(fresh["param_groups"], numbers["groups"], strict=True)
        ]
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
                raise CheckpointError(
                    "optimizer: expected its state by parameter, because it is saved with the "
                    f"run, got state[{i!r}] = {type(kept).__name__}"
                )
            yield from ((f"{i}/{name}", value) for name, value in kept.items())

    def _stepped(self, parameters: list[Tensor]) -> list[Tensor]:
        """What the optimiser steps on: the parameters, or the float32 copies of those that are
        coarse."""
        stepped = [p.detach().float() if p.dtype in checks.COARSE else p for p in parameters]
        self.exact += [
            (p, weight) for p, weight in zip(parameters, stepped, strict=True) if weight is not p
        ]
        return stepped


def _as_json(name: str, value: Any) -> Any:
    try:
        return as_json(value)
    except TypeError as error:
        raise CheckpointError(
            "optimizer: expected tensors and plain values in its state, because they are saved "
            f"with the run, got {name} = {error}"
        ) from None
