"""Everything in a run that a checkpoint must hold: what has weights, its optimiser, and the
method's memory."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from trlib.algorithms.batch import Scores
from trlib.algorithms.memory import Memory
from trlib.algorithms.needs import Needs
from trlib.loop.critic import Critic
from trlib.loop.metrics import METRICS
from trlib.loop.optimizer_step import OptimizerStep
from trlib.loop.optimizers import Maker
from trlib.loop.sampler import Sampler
from trlib.loop.saving import optimizer_state
from trlib.loop.settings import RunSettings
from trlib.model.completions import Completions
from trlib.model.policy import Policy


class Learner:
    """A policy that learns, what learns and samples with it, and what its method remembers."""

    def __init__(self, policy: Policy, settings: RunSettings, needs: Needs, make: Maker) -> None:
        self.policy, self.settings, self.needs = policy, settings, needs
        self.sampler = Sampler(policy, lag=settings.lag, precision=settings.sampler)
        self.reference = policy.copy(sharing_frozen=True) if needs.reference else None
        self.reference_weights: dict[str, Tensor] = {}
        """The reference's weights that the policy moves away from."""
        if self.reference is not None:
            every = dict(self.reference.model.named_parameters())
            self.reference_weights = {
                name: every[name] for name in every if name in policy.trainable
            }
        self.critic = Critic(policy, outputs=needs.critic_outputs) if needs.critic else None
        self.weights = policy.trainable
        """The policy's parameters that learn, by name: found once, because a walk over the modules
        at every update of a small model takes a twentieth of its time."""
        if not self.weights:
            raise ValueError("policy: expected parameters that learn, got none with requires_grad")
        parts = [(list(self.weights.values()), 1.0)]
        if self.critic is not None:
            parts.append((self.critic.parameters, needs.critic))
        self.optimizer_step = OptimizerStep(
            parts,
            make,
            lr=settings.lr,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            warmup=settings.warmup,
            grad_norm=settings.grad_norm,
            schedule=settings.schedule,
            planned=settings.steps * settings.minibatches * settings.epochs,
        )
        self.memory = Memory((*METRICS, "batch"), policy.device)

    def score(
        self,
        completions: Completions,
        *,
        full: bool = False,
        weights: Mapping[str, Tensor] | None = None,
        at_once: int | None = None,
        perturb: Callable[[Tensor], Tensor] | None = None,
    ) -> Scores:
        """What the policy says of some completions: log-probs at the run's temperature, and what
        else the method `needs`; arguments as in `Policy.score`."""
        needs = self.needs
        scores = self.policy.score(
            completions,
            temperature=self.settings.temperature,
            full=full or needs.full,
            hidden=needs.hidden,
            weights=weights,
            at_once=at_once,
            perturb=perturb,
        )
        if not needs.values:
            return scores
        assert self.critic is not None
        return Scores(**scores.present(), values=self.critic.values(completions))

    def sampled_again(self) -> Callable[[Completions], Tensor]:
        """A function that gives, after the batch's updates too, the whole distributions of what has
        just sampled a batch."""
        own, temperature = self.sampler.own, self.settings.temperature
        # The learner itself has sampled: these are its weights before the updates.
        before = self.policy.state() if own is None else None

        def whole(completions: Completions) -> Tensor:
            policy = self.policy if own is None else own
            return policy.score(
                completions, temperature=temperature, full=True, weights=before
            ).full

        return whole

    @torch.no_grad()
    def move_reference(self, share: float) -> None:
        """Move the reference's weights this share of the way to the policy's."""
        for name, p in self.reference_weights.items():
            p.lerp_(self.weights[name], share)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that the rest of the run depends on, itself and no copy."""
        parts: dict[str, Mapping[str, Tensor]] = {
            "policy": self.weights,
            "past": self.sampler.state(),
            "reference": self.reference_weights,
            "memory": self.memory.tensors(),
            "critic": {} if self.critic is None else self.critic.trainable,
        }
        named = {f"{part}/{name}": t for part, held in parts.items() for name, t in held.items()}
        return named | optimizer_state.tensors(self.optimizer_step)

    def numbers(self) -> dict[str, Any]:
        """The rest of what it depends on, as JSON values."""
        return {
            "memory": self.memory.numbers(),
            "descent": optimizer_state.numbers(self.optimizer_step),
        }

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `numbers` returned.
        Raises ValueError: they are another model's."""

        def below(prefix: str) -> dict[str, Tensor]:
            return {
                name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)
            }

        self.policy.load_state(below("policy/"))
        self.sampler.load_state(below("past/"))
        with torch.no_grad():
            for name, p in self.reference_weights.items():
                p.copy_(tensors[f"reference/{name}"])
        if self.critic is not None:
            self.critic.load_state(below("critic/"))
        self.memory.restore(numbers["memory"], below("memory/"))
        optimizer_state.load(self.optimizer_step, tensors, numbers["descent"])
