"""Everything about a run that has weights: the policy that learns, its optimiser, its sampler, its reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Needs
from trlib.errors import NonFiniteError
from trlib.loop.critic import Critic
from trlib.loop.regime import Regime
from trlib.loop.sampler import Sampler
from trlib.model.policy import Policy


class Learner:
    """A policy that learns, and what learns and samples with it.

    AdamW moves a weight by about the learning rate, often 1e-6, and two neighbours in bfloat16 are .4 to .8 % of a
    weight apart: an update would be lost. Weights of 16 bits are therefore the rounding of float32 copies, which learn.
    """

    def __init__(self, policy: Policy, settings: Regime, needs: Needs) -> None:
        self.policy, self.settings = policy, settings
        self.sampler = Sampler(policy, lag=settings.lag, precision=settings.sampler)
        self.reference = policy.copy() if needs.reference else None
        self.critic = Critic(policy) if needs.critic else None
        self.parameters = policy.parameters
        if not self.parameters:
            raise ValueError("policy: expected parameters that learn, got none with requires_grad")
        self.exact: list[tuple[Tensor, Tensor]] = []
        """Each parameter of 16 bits with the copy that learns for it."""
        parts: list[dict[str, Any]] = [{"params": self._stepped(self.parameters), "speed": 1.0}]
        if self.critic is not None:
            parts.append({"params": self._stepped(self.critic.parameters), "speed": needs.critic})
        self.optimizer = torch.optim.AdamW(parts, lr=settings.lr, betas=settings.betas,
                                           weight_decay=settings.weight_decay,
                                           fused=policy.device.type in ("cpu", "cuda"))
        self.updates = 0
        self.memory: dict[str, float] = {}

    def descend(self, loss: Tensor) -> tuple[float, float]:
        """Backward, clip, one step of AdamW. Gives the loss and the gradient's norm before it was clipped.

        Raises:
            NonFiniteError: either is NaN or inf; the parameters are as they were.
        """
        value = self.finite("loss", float(loss.detach()))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for p, weight in self.exact:
            if p.grad is not None:
                weight.grad, p.grad = p.grad.float(), None
        norm, *of_critic = (float(torch.nn.utils.clip_grad_norm_(part["params"], self.settings.grad_norm))
                            for part in self.optimizer.param_groups)
        self.finite("grad_norm", norm)
        for found in of_critic:
            self.finite("the critic's grad_norm", found)
        self.updates += 1
        for part in self.optimizer.param_groups:
            part["lr"] = self.settings.lr * part["speed"] * min(1.0, self.updates / max(self.settings.warmup, 1))
        self.optimizer.step()
        with torch.no_grad():
            for p, weight in self.exact:
                p.copy_(weight)
        return value, norm

    def _stepped(self, parameters: list[Tensor]) -> list[Tensor]:
        """What AdamW steps on: the parameters, or the float32 copies of those that are coarse."""
        stepped = [p.detach().float() if p.dtype in checks.COARSE else p for p in parameters]
        self.exact += [(p, weight) for p, weight in zip(parameters, stepped, strict=True) if weight is not p]
        return stepped

    def tensors(self) -> dict[str, Tensor]:
        """A copy of every tensor that the rest of the run depends on."""
        found = {f"policy/{name}": t for name, t in self.policy.state().items()}
        found |= {f"past/{name}": t for name, t in self.sampler.state().items()}
        found |= {f"reference/{name}": p.detach() for name, p in self._reference().items()}
        if self.critic is not None:
            found |= {f"critic/{name}": p.detach().clone() for name, p in self.critic.trainable.items()}
        found |= {f"exact/{i}": weight.clone() for i, (_, weight) in enumerate(self.exact)}
        for i, state in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer/{i}/{name}": value.clone() for name, value in state.items()}
        return found

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave.

        Raises:
            ValueError: they are another model's.
        """
        def below(prefix: str) -> dict[str, Tensor]:
            return {name[len(prefix):]: t for name, t in tensors.items() if name.startswith(prefix)}

        self.policy.load_state(below("policy/"))
        self.sampler.load_state(below("past/"))
        with torch.no_grad():
            for name, p in self._reference().items():
                p.copy_(tensors[f"reference/{name}"])
        if self.critic is not None:
            self.critic.load_state(below("critic/"))
        with torch.no_grad():
            for number, (_, weight) in enumerate(self.exact):
                weight.copy_(tensors[f"exact/{number}"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in below("optimizer/").items():
            i, name = key.split("/")
            state.setdefault(int(i), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})

    def _reference(self) -> dict[str, Tensor]:
        """The reference's weights that the policy has moved away from."""
        if self.reference is None:
            return {}
        learning = self.policy.trainable
        return {name: p for name, p in self.reference.model.named_parameters() if name in learning}

    def finite(self, metric: str, value: float) -> float:
        """The value; a NonFiniteError that names the metric where it is NaN or inf."""
        if not math.isfinite(value):
            raise NonFiniteError(f"update {self.updates}: {metric} is {value}, expected a finite number")
        return value
