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
from trlab.conformance.libraries import Held
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
    Held("default, kl_tau=0", "dppo_tv", "token-mean", options={"kl_tau": 0.0}),
    Held("default", "dppo_tv", "token-mean"),
    Held("ipo, kl_tau=0", "dppo_tv", "token-mean", options={"kl_tau": 0.0}),
)


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """Nothing: its corrections are in its losses."""
    yield from ()


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss that takes rewards is called."""
    module, delta = modules[LOSS], settings["delta_tv"]
    config = {
        "dppo_mask_low": delta,
        "dppo_mask_high": delta,
        "ipo_threshold": delta,
        "adv_tau": 1.0,
        "kl_tau": 1e-3,
        **held.options,
    }
    function = partial(
        getattr(module, f"{held.name}_loss_fn"), loss_config=SimpleNamespace(**config)
    )

    def run(batch: dict[str, Tensor], logp: Tensor) -> Tensor:
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
            function,
            max(int(mask.sum()), 1),  # as the trainer counts them
            1,
            1,
        )[0]

    return run
