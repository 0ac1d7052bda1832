"""OpenRLHF's `PolicyLoss`, its estimators, and what its three corrections multiply a token's loss
by."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Held, estimated, judged
from trlab.conformance.pieces import CORRECTED, Numbers, compare
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


def hold(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every loss, estimator and correction."""
    yield from judged(vectors, subjects(vectors, modules))
    yield from estimated(
        vectors, "compute_approx_kl", modules[UTILS].compute_approx_kl, "kl_estimator"
    )
    for kind, name in (("tis", "token truncate"), ("icepop", "token mask")):
        yield compare(vectors, f"ppo, {kind}", name, partial(_correction, modules[LOSS], kind))


def subjects(vectors: Vectors, modules: dict[str, Any]) -> Iterator[tuple[Held, calls.Subject]]:
    """Every loss and how it is called."""
    for held in LOSSES:
        settings = vectors.losses[held.loss]["settings"]
        loss = modules[LOSS].PolicyLoss(
            settings["eps_low"],
            settings["eps_high"],
            settings.get("dual_clip"),
            token_level_loss=held.how == "token-mean",
            policy_loss_type=held.subject.split(",")[0],
        )
        yield held, partial(_loss, loss)


def _loss(loss: Any, batch: dict[str, Tensor], logp: Tensor) -> Tensor:
    return loss(logp, batch["logp_old"], batch["advantages"], batch["mask"].double())[0]


def _correction(module: Any, kind: str, vectors: Vectors) -> Numbers:
    """Each token's factor between 0 and 2: at a ratio of 1 it is how the loss responds to the
    token's advantage."""
    loss = module.PolicyLoss(
        enable_vllm_is_correction=True,
        vllm_is_truncated_threshold=[0.0, 2.0],
        vllm_is_correction_type=kind,
    )
    factors = {}
    for name in CORRECTED:
        batch = vectors.batches[name]
        old, mask = batch["logp_old"], batch["mask"].double()
        advantages = torch.ones_like(old).requires_grad_()
        value = loss(old, old, advantages, mask, batch["logp_rollout"])[0]
        (gradient,) = torch.autograd.grad(value, advantages)
        factors[name] = -gradient * mask.sum()
    return factors
