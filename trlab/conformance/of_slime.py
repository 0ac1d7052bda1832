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
from trlab.conformance.libraries import Held, estimated, judged
from trlab.conformance.pieces import CORRECTED, Numbers, compare, estimator_of
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


def hold(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every loss, estimator and correction."""
    core = modules[LOSS]
    yield from judged(vectors, subjects(vectors, modules))
    yield from estimated(vectors, "compute_approx_kl", core.compute_approx_kl, "kl_loss_type")
    kl = partial(core.compute_approx_kl, kl_loss_type="low_var_kl")
    yield compare(vectors, "compute_approx_kl low_var_kl", "k3", partial(estimator_of, kl=kl))
    for subject, name in (
        ("vanilla_tis_function", "token truncate"),
        ("icepop_function", "token mask"),
    ):
        yield compare(
            vectors, subject, name, partial(_correction, getattr(modules[TRAINER], subject))
        )


def subjects(vectors: Vectors, modules: dict[str, Any]) -> Iterator[tuple[Held, calls.Subject]]:
    """Every loss and how it is called."""
    for held in LOSSES:
        yield held, partial(_loss, modules[LOSS], held.loss, vectors.losses[held.loss]["settings"])


def _loss(
    core: Any, loss: str, settings: dict[str, Any], batch: dict[str, Tensor], logp: Tensor
) -> Tensor:
    old, mask, advantages = batch["logp_old"], batch["mask"].double(), batch["advantages"].flatten()
    low, high = settings["eps_low"], settings["eps_high"]
    kl = (old - logp).flatten()
    if loss.startswith("gspo"):
        kl = core.compute_gspo_kl(list(logp), list(old), list(logp), list(mask))
    if loss.startswith("cispo"):
        values, _ = core.compute_cispo_loss(kl, logp.flatten(), advantages, low, high)
    else:
        values, _ = core.compute_policy_loss(kl, advantages, low, high, settings.get("dual_clip"))
    return values.view_as(logp)


def _correction(function: Any, vectors: Vectors) -> Numbers:
    """What the correction makes of a loss of 1 a token, with its upper threshold at 2."""
    args, factors = SimpleNamespace(tis_clip_low=0.0, tis_clip=2.0), {}
    for name in CORRECTED:
        batch = vectors.batches[name]
        old, mask = batch["logp_old"], batch["mask"]
        factor = function(
            args,
            pg_loss=torch.ones(old.numel(), dtype=torch.float64),
            train_log_probs=list(old),
            rollout_log_probs=list(batch["logp_rollout"]),
            loss_masks=list(mask.double()),
        )[0]
        factors[name] = factor.view_as(old).where(mask, torch.zeros(()).double())
    return factors
