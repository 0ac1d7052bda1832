"""slime's token losses, of rows one after the other as slime packs them; its trainer averages them
afterwards.

`compute_policy_loss` takes old log-probs less new ones, which `compute_gspo_kl` averages over each
row.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Correction, Held, corrected, estimated
from trlab.conformance.pieces import compare, estimator_of
from trlab.conformance.report import Finding
from trlab.conformance.source import Source
from trlab.conformance.vectors import Vectors

LOSS, TRAINER = "slime.utils.ppo_utils", "slime.backends.megatron_utils.loss"
SOURCE = Source(
    "slime",
    "THUDM/slime",
    "624b824a898ab0ec1fcb4d373004c7f3852bf515",
    "2026-08-21",
    {LOSS: "slime/utils/ppo_utils.py", TRAINER: "slime/backends/megatron_utils/loss.py"},
)
LOSSES = (
    Held("compute_policy_loss", "ppo", "token-mean"),
    Held("compute_policy_loss", "ppo_clip_higher", "token-mean"),
    Held("compute_policy_loss, eps_clip_c=3", "ppo_dual_clip", "token-mean"),
    Held("compute_gspo_kl, compute_policy_loss", "gspo_wide", "seq-mean-token-mean"),
    Held("compute_cispo_loss", "cispo", "token-mean"),
)


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every estimator and correction."""
    estimate = modules[LOSS].compute_approx_kl
    yield from estimated(vectors, "compute_approx_kl", estimate, "kl_loss_type")
    kl = partial(estimate, kl_loss_type="low_var_kl")
    yield compare(vectors, "compute_approx_kl low_var_kl", "k3", partial(estimator_of, kl=kl))
    for function, name in (
        ("vanilla_tis_function", "token truncate"),
        ("icepop_function", "token mask"),
    ):
        yield corrected(vectors, function, name, _correction(getattr(modules[TRAINER], function)))


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called."""
    core, low, high = modules[LOSS], settings["eps_low"], settings["eps_high"]

    def run(batch: dict[str, Tensor], logp: Tensor) -> Tensor:
        old, advantages = batch["logp_old"], batch["advantages"].flatten()
        kl = (old - logp).flatten()
        if held.loss.startswith("gspo"):
            mask = list(batch["mask"].double())
            kl = core.compute_gspo_kl(list(logp), list(old), list(logp), mask)
        if held.loss.startswith("cispo"):
            values, _ = core.compute_cispo_loss(kl, logp.flatten(), advantages, low, high)
        else:
            dual = settings.get("dual_clip")
            values, _ = core.compute_policy_loss(kl, advantages, low, high, dual)
        return values.view_as(logp)

    return run


def _correction(function: Any) -> Correction:
    """What the correction makes of a loss of 1 a token, with its upper threshold at 2."""

    def factor(batch: dict[str, Tensor]) -> Tensor:
        old = batch["logp_old"]
        return function(
            SimpleNamespace(tis_clip_low=0.0, tis_clip=2.0),
            pg_loss=torch.ones(old.numel(), dtype=torch.float64),
            train_log_probs=list(old),
            rollout_log_probs=list(batch["logp_rollout"]),
            loss_masks=list(batch["mask"].double()),
        )[0].view_as(old)

    return factor
