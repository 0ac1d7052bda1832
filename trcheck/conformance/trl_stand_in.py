"""The `_compute_loss(self, model, inputs)` of a trainer of TRL, called on a stand-in that knows the
log-probs and has no model."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from trcheck.conformance.calls import COLUMNS, Subject


def trl(
    target: Any,
    *,
    settings: Mapping[str, Any],
    loss_type: str = "bnpo",
    horizon: int,
    level: str = "token",
    anchor: str = "recomputed",
    **arguments: Any,
) -> Subject:
    """The `_compute_loss` of a trainer class, or a function (self, model, inputs) in its place.

    Args:
        target: the class or the function.
        settings: the loss's, put where TRL reads them.
        loss_type: TRL's name of the loss.
        horizon: TRL's max_completion_length.
        level: TRL's importance_sampling_level.
        anchor: which policy's log-probs TRL holds as the old ones.
        arguments: more of the trainer's arguments.
    """
    from trl import GRPOConfig, GRPOTrainer

    kind = target if isinstance(target, type) else GRPOTrainer
    sapo = {
        f"sapo_temperature_{side}": settings[f"tau_{side}"]
        for side in ("pos", "neg")
        if f"tau_{side}" in settings
    }
    vespo = {
        f"vespo_{theirs}_{side}": settings[f"{ours}_{side}"]
        for ours, theirs in (("k", "k"), ("lam", "lambda"))
        for side in ("pos", "neg")
        if f"{ours}_{side}" in settings
    }
    delta = {"delta": settings["dual_clip"]} if settings.get("dual_clip") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        args = GRPOConfig(
            output_dir="unused",
            use_cpu=True,
            bf16=False,
            report_to=[],
            max_completion_length=horizon,
            **sapo,
            **vespo,
            **delta,
            **arguments,
        )
    low, high = (settings.get(key, settings.get("eps_log", 0.2)) for key in ("eps_low", "eps_high"))
    stand_in: Any = object.__new__(kind)
    vars(stand_in).update(
        args=args,
        model=SimpleNamespace(training=True),
        accelerator=Accelerator(),
        loss_type=loss_type,
        epsilon_low=0.2 if low is None else low,
        epsilon_high=high,
        beta=args.beta,
        max_completion_length=horizon,
        importance_sampling_level=level,
        current_gradient_accumulation_steps=1,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        vllm_importance_sampling_correction=False,
        aux_loss_enabled=False,
        use_adaptive_entropy=False,
        _entropy_bonus_enabled=False,
        _metrics={mode: defaultdict(list) for mode in ("train", "eval")},
        _step=0,
    )

    def subject(batch: dict[str, Tensor], logp: Tensor) -> Any:
        mask = batch["mask"].long()
        ids = torch.zeros_like(mask)
        inputs = {
            "prompt_ids": ids[:, :1],
            "prompt_mask": mask[:, :1] * 0 + 1,
            "completion_ids": ids,
            "completion_mask": mask,
            "advantages": _by_row(batch),
            "num_items_in_batch": mask.sum(),
            "sampling_per_token_logps": batch["logp_rollout"],
            "ref_per_token_logps": batch["logp_old"],
            "old_per_token_logps": batch[COLUMNS[anchor]],
        }
        vars(stand_in)["_get_per_token_logps_and_entropies"] = lambda *_, **__: (
            logp,
            torch.zeros_like(logp.detach()),
            None,
        )
        if isinstance(target, type):
            return stand_in._compute_loss(stand_in.model, inputs)
        return target(stand_in, stand_in.model, inputs)

    return subject


class Accelerator:
    """One process that gathers from itself."""

    device = torch.device("cpu")
    num_processes = 1
    process_index = 0
    sync_gradients = True

    def gather(self, value: Any, *_: Any, **__: Any) -> Any:
        return value

    gather_for_metrics = reduce = pad_across_processes = gather


def _by_row(batch: dict[str, Tensor]) -> Tensor:
    """[B] advantages, as TRL carries them, or [B, T] where they differ within a row."""
    advantages, mask = batch["advantages"], batch["mask"]
    top, bottom = (advantages.masked_fill(~mask, fill) for fill in (-float("inf"), float("inf")))
    rows = top.amax(-1)
    return advantages if (rows > bottom.amin(-1)).any() else rows.masked_fill(~mask.any(-1), 0.0)
