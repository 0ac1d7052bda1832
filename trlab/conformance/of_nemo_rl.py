"""NeMo-RL's `ClippedPGLossFn` with its own configuration's defaults, the penalty to the reference
switched off.

It is given whole sequences and drops the first position: an extra column, without a meaning, is put
before ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Held, corrected, estimated, felt
from trlab.conformance.report import Finding
from trlab.conformance.source import Source
from trlab.conformance.vectors import Vectors

LOSS, UTILS = "nemo_rl.algorithms.loss.loss_functions", "nemo_rl.algorithms.utils"
SOURCE = Source(
    "NeMo-RL",
    "NVIDIA-NeMo/RL",
    "7ea279abfbeb698b092856d0dab61e7cf39bc909",
    "2026-08-22",
    {
        "nemo_rl.algorithms.loss.interfaces": "nemo_rl/algorithms/loss/interfaces.py",
        UTILS: "nemo_rl/algorithms/utils.py",
        LOSS: "nemo_rl/algorithms/loss/loss_functions.py",
    },
)
GSPO = {"sequence_level_importance_ratios": True, "token_level_loss": False}
LOSSES = (
    Held("disable_ppo_ratio", "reinforce", "token-mean", options={"disable_ppo_ratio": True}),
    Held("ClippedPGLossFn", "ppo", "token-mean"),
    Held("ClippedPGLossFn", "ppo_clip_higher", "token-mean"),
    Held("ClippedPGLossFn, ratio_clip_c=3", "ppo_dual_clip", "token-mean"),
    Held(
        "ClippedPGLossFn, token_level_loss=False",
        "ppo",
        "seq-mean-token-mean",
        options={"token_level_loss": False},
    ),
    Held("sequence_level_importance_ratios", "gspo_wide", "seq-mean-token-mean", options=GSPO),
    Held("use_cispo", "cispo", "token-mean", options={"use_cispo": True}),
)


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every estimator and correction."""
    yield from estimated(vectors, "calculate_kl", modules[UTILS].calculate_kl, "kl_type")
    for kind, name in (("tis", "token truncate"), ("icepop", "token mask")):
        options = {
            "use_importance_sampling_correction": True,
            "truncated_importance_sampling_type": kind,
            "truncated_importance_sampling_ratio": 2.0,
            "truncated_importance_sampling_ratio_min": 0.0,
        }
        yield corrected(vectors, kind, name, felt(_function(modules[LOSS], {}, options)))


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called."""
    return _function(modules[LOSS], settings, held.options)


def _function(module: Any, settings: dict[str, Any], options: dict[str, Any]) -> calls.Subject:
    """The loss with a configuration that is NeMo-RL's own but for the thresholds and the
    options."""
    config = {
        name: value
        for name, value in vars(module.ClippedPGLossConfig).items()
        if not name.startswith("_")
    }
    config |= {
        "reference_policy_kl_penalty": 0.0,
        "ratio_clip_min": settings.get("eps_low", 0.2),
        "ratio_clip_max": settings.get("eps_high", 0.2),
        "ratio_clip_c": settings.get("dual_clip"),
    }
    loss = module.ClippedPGLossFn(SimpleNamespace(**(config | options)))

    def run(batch: dict[str, Tensor], logp: Tensor) -> Tensor:
        mask = batch["mask"].double()
        whole = {
            name: torch.nn.functional.pad(values, (1, 0))
            for name, values in (
                ("token_mask", mask),
                ("advantages", batch["advantages"]),
                ("prev_logprobs", batch["logp_old"]),
                ("generation_logprobs", batch["logp_rollout"]),
            )
        }
        rows = mask.any(-1).double()
        return loss(logp, {**whole, "sample_mask": rows}, rows.sum(), mask.sum())[0]

    return run
