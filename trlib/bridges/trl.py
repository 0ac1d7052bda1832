"""Any token loss of this package in TRL 1.16's GRPOTrainer: its own `_compute_loss` runs on our loss of each token.

It is told that every ratio is 1 and that a token's advantage is minus our loss, and so it aggregates, accumulates and
logs our loss as its own, and adds what else it was asked for: the entropy bonus, fixed or adaptive, and a router's
load balancing. TRL's `loss_type` says how tokens are aggregated (dapo, grpo, bnpo, dr_grpo; luspo is
seq-mean-token-sum), its `scale_rewards` what advantages are: DPPO's recipe is loss_type="dr_grpo",
scale_rewards="none". `beta` works as in TRL, `use_bias_correction_kl` too. The loss brings its own thresholds: TRL's
epsilon is refused, and its clip ratios are left out. `kept` is logged in their place, if the loss has it among its
diagnostics. QUATRO is not here: TRL tears groups apart before the loss and keeps no rewards.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar
from unittest.mock import patch

import torch
from torch import Tensor
from trl import GRPOTrainer

from trlib.algorithms import dppo_loss
from trlib.bridges import check_token_loss
from trlib.divergences import k3


class TrustRegionTrainer(GRPOTrainer):
    """A GRPOTrainer whose loss is `token_loss`, a function of (logp, logp_old, *, advantages, mask): in a subclass,
    token_loss = staticmethod(partial(pspo_loss, alpha=.1)). `anchor`: "rollout", the sampler's log-probs where TRL
    has them (vLLM, a `rollout_func`), or "recomputed", the policy before this rollout's updates."""

    token_loss = staticmethod(partial(dppo_loss, delta_tv=0.15))
    anchor: ClassVar[str] = "rollout"
    loss_types: ClassVar[tuple[str, ...]] = ("bnpo", "dapo", "dr_grpo", "grpo", "luspo")
    args: Any
    model: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A function that is no staticmethod is a method, and gets the trainer for its first argument.
        method = getattr(self.token_loss, "__self__", None) is self
        name = "token_loss (a plain function needs staticmethod around it)" if method else "token_loss"
        check_token_loss(name, self.token_loss)
        super().__init__(*args, **kwargs)
        if self.anchor not in ("rollout", "recomputed"):
            raise ValueError(f"anchor: expected rollout or recomputed, got {self.anchor!r}")
        if self.loss_type not in self.loss_types:
            raise ValueError(f"loss_type: expected one of {', '.join(self.loss_types)}, got {self.loss_type!r}")
        fields = type(self.args).__dataclass_fields__
        dropped = {
            **{name: getattr(self.args, name) != fields[name].default for name in ("epsilon", "epsilon_high")},
            "delta": self.args.delta is not None,
            "top_entropy_quantile": self.top_entropy_quantile < 1,
            "off_policy_mask_threshold": self.off_policy_mask_threshold is not None,
            "vllm_importance_sampling_correction": self.use_vllm and self.vllm_importance_sampling_correction,
            "importance_sampling_level": self.importance_sampling_level != "token",
        }
        if any(dropped.values()):
            raise ValueError(
                f"{', '.join(k for k, v in dropped.items() if v)}: TrustRegionTrainer's loss has no such "
                "term; expected it off (token for importance_sampling_level)"
            )

    def _compute_loss(self, model, inputs):
        score, batch = self._get_per_token_logps_and_entropies, {**inputs, "old_per_token_logps": None}

        def scored(*args, **kwargs):  # what TRL asks for first; it reads the advantages after
            logp, *others = score(*args, **kwargs)
            batch["advantages"] = -self._per_token(logp, inputs, beta)
            return logp.detach(), *others

        beta = self.beta
        with patch.multiple(self, _get_per_token_logps_and_entropies=scored, beta=0.0):
            loss = super()._compute_loss(model, batch)
        metrics = self._metrics["train" if self.model.training else "eval"]
        for name in [name for name in metrics if name.startswith("clip_ratio/")]:  # of ratios that are 1
            del metrics[name]
        return loss

    def _per_token(self, logp: Tensor, inputs: dict[str, Any], beta: float) -> Tensor:
        mask = (inputs["completion_mask"] * inputs.get("tool_mask", 1)).bool()
        old = inputs.get("old_per_token_logps", logp.detach())  # left out where one update follows a rollout
        sampler = inputs.get("sampling_per_token_logps", old) if self.anchor == "rollout" else old
        loss = self.token_loss(
            logp,
            old.where(sampler.isnan(), sampler),
            mask=mask,
            advantages=inputs["advantages"].view(len(logp), -1).expand_as(logp),
        )
        if "kept" in loss.diagnostics:
            self._log_mean("kept", loss.diagnostics["kept"], mask)
        if not beta:
            return loss.per_token
        kl = k3(logp, inputs["ref_per_token_logps"]) * ((logp - old).exp() if self.args.use_bias_correction_kl else 1)
        self._log_mean("kl", kl.detach(), mask)
        return loss.per_token + beta * kl

    def _log_mean(self, name: str, values: Tensor, mask: Tensor) -> None:
        total, count = self.accelerator.reduce(torch.stack([values.where(mask, 0).sum(), mask.sum()]).float())
        if count:  # a mean over nothing is absent
            self._metrics["train" if self.model.training else "eval"][name].append((total / count).item())
