"""The five losses that Tinker documents, written down from its documentation: the service's code is
not public.

Each is summed over tokens there. Its documentation has one place for an old policy, the sampling
log-probabilities; here the vectors' old ones are put there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Held
from trlab.conformance.report import Finding
from trlab.conformance.vectors import Vectors

PAGE = "https://tinker-docs.thinkingmachines.ai/tinker/losses"
READ = "2026-11-22"
"""When the documentation was read."""
BETA = 0.1
"""Of dro: the documentation's example."""


def cross_entropy(logp: Tensor, old: Tensor, weights: Tensor, _: dict[str, Any]) -> Tensor:
    """-log π times the token's weight; the vectors' advantages stand for the weights."""
    return -logp * weights


def importance_sampling(logp: Tensor, old: Tensor, advantages: Tensor, _: dict[str, Any]) -> Tensor:
    """-r A."""
    return -(logp - old).exp() * advantages


def ppo(logp: Tensor, old: Tensor, advantages: Tensor, settings: dict[str, Any]) -> Tensor:
    """-min(r A, clip(r) A), between the two thresholds themselves."""
    ratio = (logp - old).exp()
    clipped = ratio.clamp(1 - settings["eps_low"], 1 + settings["eps_high"])
    return -torch.minimum(ratio * advantages, clipped * advantages)


def cispo(logp: Tensor, old: Tensor, advantages: Tensor, settings: dict[str, Any]) -> Tensor:
    """-sg[clip(r)] A log π."""
    clipped = (logp - old).exp().clamp(1 - settings["eps_low"], 1 + settings["eps_high"])
    return -clipped.detach() * logp * advantages


def dro(logp: Tensor, old: Tensor, advantages: Tensor, _: dict[str, Any]) -> Tensor:
    """-(A log π - β/2 (log π - log q)²)."""
    return -(logp * advantages - 0.5 * BETA * (logp - old) ** 2)


LOSSES = tuple(
    Held(function.__name__, loss, "token-mean", options={"function": function})
    for function, loss in (
        (cross_entropy, "reinforce"),
        (importance_sampling, "pg_is"),
        (ppo, "ppo"),
        (cispo, "cispo"),
        (dro, "reinforce"),
    )
)


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """Nothing else is documented."""
    yield from ()


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called: a value per token comes back."""
    return lambda batch, logp: held.options["function"](
        logp, batch["logp_old"], batch["advantages"], settings
    )
