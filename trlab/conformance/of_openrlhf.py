"""OpenRLHF's `PolicyLoss`, its estimators, and what its three corrections multiply a token's loss
by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trlab.conformance import calls
from trlab.conformance.libraries import Correction, Held, corrected, estimated, felt
from trlab.conformance.report import Finding
from trlab.conformance.source import Source
from trlab.conformance.vectors import Vectors

LOSS, UTILS = "openrlhf.models.loss", "openrlhf.models.utils"
SOURCE = Source(
    "OpenRLHF",
    "OpenRLHF/OpenRLHF",
    "3c3be6234e0cb353e76bb8019947db9dfe99fca7",
    "2026-08-13",
    {UTILS: "openrlhf/models/utils.py", LOSS: "openrlhf/models/loss.py"},
)
LOSSES = (
    Held("ppo", "ppo", "token-mean"),
    Held("ppo", "ppo_clip_higher", "token-mean"),
    Held("ppo, dual_clip=3", "ppo_dual_clip", "token-mean"),
    Held("ppo, token_level_loss=False", "ppo", "seq-mean-token-mean"),
    Held("gspo", "gspo_wide", "seq-mean-token-mean"),
)


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every estimator and correction."""
    yield from estimated(
        vectors, "compute_approx_kl", modules[UTILS].compute_approx_kl, "kl_estimator"
    )
    for kind, name in (("tis", "token truncate"), ("icepop", "token mask")):
        yield corrected(vectors, f"ppo, {kind}", name, _correction(modules[LOSS], kind))


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called."""
    loss = modules[LOSS].PolicyLoss(
        settings["eps_low"],
        settings["eps_high"],
        settings.get("dual_clip"),
        token_level_loss=held.how == "token-mean",
        policy_loss_type=held.name,
    )
    return lambda batch, logp: loss(
        logp, batch["logp_old"], batch["advantages"], batch["mask"].double()
    )[0]


def _correction(module: Any, kind: str) -> Correction:
    loss = module.PolicyLoss(
        enable_vllm_is_correction=True,
        vllm_is_truncated_threshold=[0.0, 2.0],
        vllm_is_correction_type=kind,
    )
    return felt(
        lambda batch, old: loss(
            old, old, batch["advantages"], batch["mask"].double(), batch["logp_rollout"]
        )[0]
    )
