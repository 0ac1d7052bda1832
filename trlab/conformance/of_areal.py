"""AReaL's actor losses on padded rows: the proximal policy is the recomputed one, the old one
sampled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Held, estimated, judged
from trlab.conformance.pieces import CORRECTED, Numbers, compare
from trlab.conformance.report import Finding
from trlab.conformance.source import Source
from trlab.conformance.vectors import Vectors

LOSS, DATA, ACTOR = (
    "areal.utils.functional.functional",
    "areal.utils.data",
    "areal.trainer.ppo.actor",
)
SOURCE = Source(
    "AReaL",
    "inclusionAI/AReaL",
    "4aef98d8d818af55b43621aaadba047ae10f4e77",
    "2026-05-21",
    {
        DATA: "areal/utils/data.py",
        LOSS: "areal/utils/functional/functional.py",
        ACTOR: "areal/trainer/ppo/actor.py",
    },
)
LOSSES = (
    Held("ppo_actor_loss_fn", "ppo", "token-mean"),
    Held("ppo_actor_loss_fn", "ppo_clip_higher", "token-mean"),
    Held("ppo_actor_loss_fn, c_clip=3", "ppo_dual_clip", "token-mean"),
    Held("ppo_actor_loss_fn, sequence", "gspo_wide", "token-mean", options={"level": "sequence"}),
    Held("sapo_loss_fn", "sapo", "token-mean"),
)


def hold(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every loss, estimator and correction."""
    core = modules[LOSS]
    yield from judged(vectors, subjects(vectors, modules))
    yield from estimated(
        vectors, "KLEstimator", modules[DATA].KLEstimator._compute_approx_kl, "kl_estimator"
    )
    for action, name in (("clamp", "token truncate"), ("mask", "token mask")):
        yield compare(
            vectors, f"rejection_sampling, {action}", name, partial(_correction, core, action)
        )


def subjects(vectors: Vectors, modules: dict[str, Any]) -> Iterator[tuple[Held, calls.Subject]]:
    """Every loss and how it is called."""
    for held in LOSSES:
        yield held, partial(_loss, modules[LOSS], held, vectors.losses[held.loss]["settings"])


def _loss(
    core: Any, held: Held, settings: dict[str, Any], batch: dict[str, Tensor], logp: Tensor
) -> Tensor:
    level = held.options.get("level", "token")
    if held.loss == "sapo":
        return core.sapo_loss_fn(
            logp,
            batch["logp_old"],
            batch["advantages"],
            settings["tau_pos"],
            settings["tau_neg"],
            batch["mask"],
            level,
        )[0]
    return core.ppo_actor_loss_fn(
        logp,
        batch["logp_old"],
        batch["logp_rollout"],
        batch["advantages"],
        settings["eps_low"],
        batch["mask"],
        settings["eps_high"],
        settings.get("dual_clip"),
        importance_sampling_level=level,
    )[0]


def _correction(core: Any, action: str, vectors: Vectors) -> Numbers:
    config = SimpleNamespace(
        metric="ratio", level="token", action=action, upper=2.0, lower=None, agg="mean"
    )
    factors = {}
    for name in CORRECTED:
        batch = vectors.batches[name]
        result = core.apply_rejection_sampling(
            batch["logp_old"], batch["logp_rollout"], batch["mask"], None, config
        )
        factors[name] = result.behave_imp_weight.double().where(
            batch["mask"], torch.zeros(()).double()
        )
    return factors
