"""AReaL's actor losses on padded rows: the proximal policy is the recomputed one, the old one
sampled."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Correction, Held, corrected, estimated
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


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every estimator and correction."""
    yield from estimated(
        vectors, "KLEstimator", modules[DATA].KLEstimator._compute_approx_kl, "kl_estimator"
    )
    for action, name in (("clamp", "token truncate"), ("mask", "token mask")):
        correction = _correction(modules[LOSS], action)
        yield corrected(vectors, f"rejection_sampling, {action}", name, correction)


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called."""
    core, level = modules[LOSS], held.options.get("level", "token")

    def sapo(batch: dict[str, Tensor], logp: Tensor) -> Tensor:
        return core.sapo_loss_fn(
            logp,
            batch["logp_old"],
            batch["advantages"],
            settings["tau_pos"],
            settings["tau_neg"],
            batch["mask"],
            level,
        )[0]

    def ppo(batch: dict[str, Tensor], logp: Tensor) -> Tensor:
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

    return sapo if held.loss == "sapo" else ppo


def _correction(core: Any, action: str) -> Correction:
    config = SimpleNamespace(
        metric="ratio", level="token", action=action, upper=2.0, lower=None, agg="mean"
    )
    return lambda batch: core.apply_rejection_sampling(
        batch["logp_old"], batch["logp_rollout"], batch["mask"], None, config
    ).behave_imp_weight.double()
