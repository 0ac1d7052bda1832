"""SkyRL's losses, called as its trainer calls them.

The trainer scales the advantages by the loss reduction first, and every loss then sums: both are
SkyRL's own functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Held, corrected, estimated
from trlab.conformance.report import Finding
from trlab.conformance.source import Source
from trlab.conformance.vectors import Vectors

HOME = "skyrl/backends/skyrl_train/utils"
UTILS = "skyrl.backends.skyrl_train.utils"
SOURCE = Source(
    "SkyRL",
    "NovaSky-AI/SkyRL",
    "a9564572eb8e91076be43c1bd5e4615e3de17265",
    "2026-08-21",
    {
        f"{UTILS}.torch_utils": f"{HOME}/torch_utils.py",
        f"{UTILS}.off_policy_correction_utils": f"{HOME}/off_policy_correction_utils.py",
        f"{UTILS}.ppo_utils": f"{HOME}/ppo_utils.py",
    },
)
REDUCTIONS = {
    "token-mean": "token_mean",
    "seq-mean-token-mean": "sequence_mean",
    "seq-mean-token-sum-norm": "seq_mean_token_sum_norm",
}
LOSSES = (
    Held("regular", "ppo", "token-mean"),
    Held("regular", "ppo_clip_higher", "token-mean"),
    Held("regular, sequence_mean", "ppo", "seq-mean-token-mean"),
    Held("regular, seq_mean_token_sum_norm", "ppo", "seq-mean-token-sum-norm"),
    Held("dual_clip", "ppo_dual_clip", "token-mean"),
    Held("gspo", "gspo_wide", "seq-mean-token-mean"),
    Held("cispo", "cispo", "token-mean"),
    Held("sapo", "sapo", "seq-mean-token-mean"),
    Held("dppo, binary_tv", "dppo_tv", "token-mean", options={"dppo_type": "binary_tv"}),
    Held("dppo, binary_kl", "dppo_kl", "token-mean", options={"dppo_type": "binary_kl"}),
    Held("rollout_is", "cispo", "token-mean"),
    Held("importance_sampling", "pg_is", "token-mean"),
)


class Off:
    """Corrections, none of which SkyRL has on by default."""

    token_tis_ratio_clip_high = 2.0

    def __getattr__(self, name: str) -> None:
        return None


def config(name: str, reduction: str, settings: dict[str, Any], dppo_type: str) -> Any:
    """SkyRL's algorithm configuration: a loss's thresholds where SkyRL reads them, the defaults
    elsewhere."""
    low, high = settings.get("eps_low", 0.2), settings.get("eps_high", 0.2)
    delta = settings.get("delta_tv", settings.get("delta_kl", 0.2))
    return SimpleNamespace(
        policy_loss_type=name,
        loss_reduction=reduction,
        eps_clip_low=low,
        eps_clip_high=high,
        clip_ratio_c=settings.get("dual_clip") or 3.0,
        sapo=SimpleNamespace(
            tau_pos=settings.get("tau_pos", 1.0), tau_neg=settings.get("tau_neg", 1.05)
        ),
        cispo=SimpleNamespace(cispo_eps_clip_low=low, cispo_eps_clip_high=high, cispo_anchor="old"),
        dppo=SimpleNamespace(dppo_type=dppo_type, delta_low=delta, delta_high=delta),
        off_policy_correction=Off(),
    )


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every estimator and correction."""
    estimate = modules[f"{UTILS}.ppo_utils"].compute_approx_kl
    yield from estimated(vectors, "compute_approx_kl", estimate, "kl_estimator_type")
    tis = modules[f"{UTILS}.off_policy_correction_utils"].compute_tis_ratio
    caps = SimpleNamespace(token_tis_ratio_clip_high=2.0, sequence_tis_ratio_clip_high=2.0)
    for level in ("token", "sequence"):

        def factor(batch: dict[str, Tensor], level: str = level) -> Tensor:
            mask = batch["mask"].double()
            return tis(batch["logp_old"], batch["logp_rollout"], mask, level, caps)[0]

        yield corrected(vectors, f"TIS, {level}", f"{level} truncate", factor)


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called."""
    core, reduction = modules[f"{UTILS}.ppo_utils"], REDUCTIONS[held.how]
    dppo = held.options.get("dppo_type", "binary_tv")
    algorithm = config(held.name, reduction, settings, dppo)

    def run(batch: dict[str, Tensor], logp: Tensor) -> Tensor:
        mask = batch["mask"].double()
        advantages = core.apply_loss_reduction_to_advantages_minibatch(
            batch["advantages"], mask, reduction, len(mask), settings["horizon"]
        )
        return core.PolicyLossRegistry.get(held.name)(
            logp, batch["logp_old"], advantages, algorithm, mask, batch["logp_rollout"]
        )

    return run
