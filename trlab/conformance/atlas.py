"""What a library's source says of its losses beside their arithmetic: inputs, defaults, and what it
logs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Logged:
    """What no probe shows."""

    reads: str
    """The log-probs that stand in the ratio's denominator by default."""
    fraction: str
    """What its log calls clip fraction, or the like."""
    defaults: str


RECOMPUTED = "recomputed"
SAMPLER = "sampler's"
NONE = "nothing"
VERL_CLIP = "`pg_clipfrac`: tokens at which the clip decides"
VERL_MASK = "`pg_clipfrac`: tokens silenced"
SKYRL_CLIP = "`clip_ratio`: tokens at which the clip decides"
TRL_CLIP = "`clip_ratio/region_mean`: tokens outside on the side that the sign of A closes"
TRL_DEFAULTS = "ε .2, .2"
TORCHRL_CLIP = "`clip_fraction`: ratios outside the window, whatever the sign of A, padding too"
SLIME_CLIP = "`pg_clipfrac`: tokens at which the clip decides"
OPENRLHF_CLIP = "`clip_ratio`: tokens at which the clip decides"
NEMO_CLIP = "none; `probs_ratio_clamped`, the mean ratio after the clip"
AREAL_CLIP = "`clip_ratio`: tokens at which the clip decides"

LOGS: dict[tuple[str, str], Logged] = {
    ("verl", "gpg"): Logged(NONE, "none", "–"),
    ("verl", "vanilla"): Logged(RECOMPUTED, VERL_CLIP, "ε .2, .2; dual clip 3"),
    ("verl", "dppo_tv"): Logged(RECOMPUTED, VERL_MASK, "δ .2, .2; weight at most 3"),
    ("verl", "dppo_kl"): Logged(RECOMPUTED, VERL_MASK, "δ .2, .2; weight at most 3"),
    ("verl", "gspo"): Logged(RECOMPUTED, VERL_CLIP, "ε .2, .2, a window made for PPO"),
    ("verl", "cispo"): Logged(
        RECOMPUTED, "`pg_clipfrac`: weights that a bound changes", "weight .8 to 1.2"
    ),
    ("verl", "sapo"): Logged(RECOMPUTED, "always 0", "τ 1, 1.05"),
    ("verl", "geo_mean"): Logged(
        RECOMPUTED, "`pg_clipfrac`: log-ratios clipped where A > 0", "log window .2, .2"
    ),
    ("trl", "bnpo"): Logged(RECOMPUTED, TRL_CLIP, TRL_DEFAULTS),
    ("trl", "dapo"): Logged(RECOMPUTED, TRL_CLIP, f"{TRL_DEFAULTS}; the default loss"),
    ("trl", "grpo"): Logged(RECOMPUTED, TRL_CLIP, TRL_DEFAULTS),
    ("trl", "dr_grpo"): Logged(RECOMPUTED, TRL_CLIP, TRL_DEFAULTS),
    ("trl", "luspo"): Logged(RECOMPUTED, TRL_CLIP, TRL_DEFAULTS),
    ("trl", "bnpo, one update a rollout"): Logged("its own", TRL_CLIP, "the ratio is 1: always 0"),
    ("trl", "grpo, sequence level"): Logged(RECOMPUTED, TRL_CLIP, TRL_DEFAULTS),
    ("trl", "cispo"): Logged(
        RECOMPUTED,
        "`cispo_clip_ratio`: tokens above the bound with A > 0",
        "weight at most .2: ε is the bound",
    ),
    ("trl", "sapo"): Logged(RECOMPUTED, "none", "τ 1, 1.05"),
    ("trl", "experimental GMPOTrainer"): Logged(RECOMPUTED, TRL_CLIP, "log window .4"),
    ("torchrl", "GRPOLoss"): Logged(SAMPLER, TORCHRL_CLIP, "ε .2, .2"),
    ("torchrl", "DAPO"): Logged(SAMPLER, TORCHRL_CLIP, "ε .2, .28"),
    ("torchrl", "CISPOLoss"): Logged(SAMPLER, TORCHRL_CLIP, "ε .2, .2"),
    ("skyrl", "regular"): Logged(RECOMPUTED, SKYRL_CLIP, "ε .2, .2; the default loss"),
    ("skyrl", "dual_clip"): Logged(RECOMPUTED, SKYRL_CLIP, "ε .2, .2; dual clip 3"),
    ("skyrl", "gspo"): Logged(RECOMPUTED, SKYRL_CLIP, "ε .2, .2, a window made for PPO"),
    ("skyrl", "cispo"): Logged(
        RECOMPUTED, "`clip_ratio`: weights that a bound changes", "weight 0 to 5"
    ),
    ("skyrl", "sapo"): Logged(RECOMPUTED, "always 0", "τ 1, 1.05"),
    ("skyrl", "dppo, binary_tv"): Logged(SAMPLER, "`clip_ratio`: tokens silenced", "δ .2, .2"),
    ("skyrl", "dppo, binary_kl"): Logged(
        SAMPLER, "`clip_ratio`: tokens silenced", "δ .2, .2; .05 recommended"
    ),
    ("skyrl", "rollout_is"): Logged(
        SAMPLER, "`clip_ratio`: tokens silenced", "weight .8 to 1.2, else 0"
    ),
    ("skyrl", "importance_sampling"): Logged(RECOMPUTED, "none", "–"),
    ("prime-rl", "default"): Logged(
        SAMPLER, "`is_masked`: tokens silenced", "δ .2, .2; .001 (log r)²"
    ),
    ("prime-rl", "ipo, kl_tau=0"): Logged(
        SAMPLER, "`is_masked`: tokens silenced", "δ .1; .001 (log r)² beside it"
    ),
    ("slime", "compute_policy_loss"): Logged(
        "recomputed, or the sampler's by a flag", SLIME_CLIP, "ε .2, .2"
    ),
    ("slime", "compute_gspo_kl, compute_policy_loss"): Logged(
        "recomputed, or the sampler's by a flag", SLIME_CLIP, "ε .2, .2, a window made for PPO"
    ),
    ("slime", "compute_cispo_loss"): Logged(
        "recomputed, or the sampler's by a flag",
        "`pg_clipfrac`: weights that a bound changes",
        "weight .8 to 1.2; it advises 0 to 5",
    ),
    ("openrlhf", "ppo"): Logged(RECOMPUTED, OPENRLHF_CLIP, "ε .2, .2"),
    ("openrlhf", "gspo"): Logged(
        "recomputed; the sampler's with `is_correction_enable`",
        OPENRLHF_CLIP,
        "ε .2, .2, a window made for PPO",
    ),
    ("nemo-rl", "disable_ppo_ratio"): Logged(NONE, NEMO_CLIP, "–"),
    ("nemo-rl", "ClippedPGLossFn"): Logged(RECOMPUTED, NEMO_CLIP, "ε .2, .2"),
    ("nemo-rl", "sequence_level_importance_ratios"): Logged(
        RECOMPUTED, NEMO_CLIP, "ε .2, .2, a window made for PPO"
    ),
    ("nemo-rl", "use_cispo"): Logged(RECOMPUTED, NEMO_CLIP, "weight .8 to 1.2"),
    ("areal", "ppo_actor_loss_fn"): Logged(
        "recomputed where it is decoupled, else the sampler's", AREAL_CLIP, "ε .2, .2"
    ),
    ("areal", "ppo_actor_loss_fn, sequence"): Logged(
        "recomputed where it is decoupled, else the sampler's",
        AREAL_CLIP,
        "ε .2, .2, a window made for PPO",
    ),
    ("areal", "sapo_loss_fn"): Logged("the sampler's", "always 0", "τ 1, 1.05"),
    ("tinker", "cross_entropy"): Logged(NONE, "none", "–"),
    ("tinker", "importance_sampling"): Logged("what you send", "none", "–"),
    ("tinker", "ppo"): Logged("what you send", "none", "ratio .8 to 1.2"),
    ("tinker", "cispo"): Logged("what you send", "none", "weight .8 to 1.2"),
    ("tinker", "dro"): Logged("what you send", "none", "β is yours"),
}
"""By library and subject, for the commits and versions of the record."""

SHIPPED_BESIDE: dict[tuple[str, str], str] = {
    (
        "verl",
        "clip_cov, kl_cov",
    ): "PPO without some tokens of large covariance, or with a KL term on them",
    ("verl", "dro"): "regression: A log π less a square of the log-ratio",
    (
        "skyrl",
        "clip_cov, kl_cov",
    ): "the same two; see the conformance page for what the reduction does to them",
    ("skyrl", "cross_entropy"): "supervised: −log π",
    (
        "prime-rl",
        "ref_kl",
    ): "distillation: log π_ref − log π for the advantage, a mask on one side at .2, .001 (log r)²",
    ("prime-rl", "ce"): "supervised: −log π",
    (
        "slime",
        "compute_opsm_mask",
    ): "OPSM: a row with A < 0 and a mean log(π_old/π) above 10⁻⁴ is silenced",
    (
        "areal",
        "m2_threshold",
    ): "M2PO: the tokens of largest log²(π_old/μ) are silenced until the mean is below .04",
}
"""Losses that have no reference among the vectors: read, not placed."""
