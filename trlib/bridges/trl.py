"""Any token loss of this package in TRL 1.16's GRPOTrainer: `_compute_loss` is overridden and nothing else.

TRL's `loss_type` says as ever how tokens are aggregated (dapo, grpo, bnpo, dr_grpo; luspo is seq-mean-token-sum), its
`scale_rewards` what advantages are: DPPO's recipe is loss_type="dr_grpo", scale_rewards="none". Its epsilon has no
effect. QUATRO is not here: TRL tears groups apart before the loss and keeps no rewards.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import torch
from trl import GRPOTrainer

from trlib.algorithms import dppo_loss

EXTRAS = ("pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "spatial_shapes", "num_tiles",
          "image_sizes", "token_type_ids", "mm_token_type_ids", "image_position_ids")


class TrustRegionTrainer(GRPOTrainer):
    """A GRPOTrainer whose loss is `token_loss`, a function of (logp, logp_old, *, advantages, mask): in a subclass,
    token_loss = staticmethod(partial(pspo_loss, alpha=.1)). `anchor`: "rollout", the sampler's log-probs where TRL
    has them (vLLM, a `rollout_func`), or "recomputed", the policy before this rollout's updates."""

    token_loss = staticmethod(partial(dppo_loss, delta_tv=0.15))
    anchor: ClassVar[str] = "rollout"

    def _compute_loss(self, model, inputs):
        args: Any = self.args
        dropped = {"beta": self.beta, "entropy_coef": self._entropy_bonus_enabled, "delta": args.delta,
                   "vllm_importance_sampling_correction": self.use_vllm and self.vllm_importance_sampling_correction,
                   "off_policy_mask_threshold": self.off_policy_mask_threshold is not None,
                   "top_entropy_quantile": self.top_entropy_quantile < 1, "router_aux_loss_coef": self.aux_loss_enabled,
                   "importance_sampling_level": self.importance_sampling_level != "token"}
        if any(dropped.values()):
            raise ValueError(f"{', '.join(k for k, v in dropped.items() if v)}: TrustRegionTrainer's loss has no such "
                             "term; expected it off (token for importance_sampling_level)")
        completion, mask = inputs["completion_ids"], inputs["completion_mask"]
        logp, _, _ = self._get_per_token_logps_and_entropies(
            model, torch.cat([inputs["prompt_ids"], completion], 1), torch.cat([inputs["prompt_mask"], mask], 1),
            completion.shape[1], **{name: inputs.get(name) for name in EXTRAS})
        mask = (mask * inputs.get("tool_mask", 1)).bool()
        old = inputs.get("old_per_token_logps", logp.detach())  # left out where one update follows a rollout
        sampler = inputs.get("sampling_per_token_logps", old) if self.anchor == "rollout" else old
        found = self.token_loss(logp, old.where(sampler.isnan(), sampler), mask=mask,
                                advantages=inputs["advantages"].view(len(logp), -1).expand_as(logp))
        training = model.training
        kept = self.accelerator.reduce(torch.stack([found.diagnostics["kept"].sum(), mask.sum()]).float())
        self._metrics["train" if training else "eval"]["kept"].append((kept[0] / kept[1].clamp(min=1)).item())
        total, sums = found.per_token.sum(), found.per_token.sum(-1)
        steps, share = (self.current_gradient_accumulation_steps, args.steps_per_generation) if training else (1, 1)
        items = inputs["num_items_in_batch"].clamp(min=1) / self.accelerator.num_processes  # of a whole rollout
        aggregated = {"grpo": (sums / mask.sum(-1).clamp(min=1)).mean() / steps, "luspo": sums.mean() / steps,
                      "bnpo": total / mask.sum().clamp(min=1) / steps, "dapo": total / items / steps * share,
                      "dr_grpo": total / len(logp) / args.max_completion_length / steps}
        if self.loss_type not in aggregated:
            raise ValueError(f"loss_type: expected one of {', '.join(aggregated)}, got {self.loss_type}")
        return aggregated[self.loss_type]
