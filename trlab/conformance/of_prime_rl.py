"""prime-rl's losses through its own `compute_loss`: a sequence at a time, divided by the number of
trained tokens.

The policy to which ratios are taken is the one that sampled: prime-rl recomputes no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Held, judged
from trlab.conformance.report import Finding
from trlab.conformance.source import Source
from trlab.conformance.vectors import Vectors

LOSS = "prime_rl.trainer.rl.loss"
SOURCE = Source(
    "prime-rl",
    "PrimeIntellect-ai/prime-rl",
    "559b44772e471d1538537b8805cc77f3824a5e64",
    "2026-08-21",
    {LOSS: "src/prime_rl/trainer/rl/loss.py"},
)
LOSSES = (
    Held("default, kl_tau=0", "dppo_tv", "token-mean", {"kl_tau": 0.0}),
    Held("default", "dppo_tv", "token-mean"),
    Held("ipo, kl_tau=0", "dppo_tv", "token-mean", {"kl_tau": 0.0}),
)


def hold(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every loss that takes rewards."""
    yield from judged(vectors, subjects(vectors, modules))


def subjects(vectors: Vectors, modules: dict[str, Any]) -> Iterator[tuple[Held, calls.Subject]]:
    """Every loss and how it is called."""
    for held in LOSSES:
        yield (
            held,
            partial(_loss, modules[LOSS], held, vectors.losses[held.loss]["settings"]["delta_tv"]),
        )


def _loss(module: Any, held: Held, delta: float, batch: dict[str, Tensor], logp: Tensor) -> Tensor:
    config = SimpleNamespace(
        dppo_mask_low=delta, dppo_mask_high=delta, ipo_threshold=delta, adv_tau=1.0, kl_tau=1e-3
    )
    vars(config).update(held.settings)
    function = getattr(module, f"{held.subject.split(',')[0]}_loss_fn")
    mask = batch["mask"]
    return module.compute_loss(
        list(logp),
        list(batch["logp_rollout"]),
        None,
        list(batch["advantages"]),
        list(mask),
        None,
        None,
        None,
        partial(function, loss_config=config),
        max(int(mask.sum()), 1),  # as the trainer counts them
        1,
        1,
    )[0]
