"""From a paper's method to settings of TRL 1.16 and verl 0.9, one row each. From every row tests
build both libraries' own configurations and, in TRL, take a step.

    PAPERS["gspo"].trl
        GRPOConfig(importance_sampling_level="sequence", loss_type="grpo", ...)
    PAPERS["gspo"].verl         actor_rollout_ref.actor.policy_loss.loss_mode=gspo ...

The numbers are the paper's. What a setting then computes is another question: the book's page of
conformance says where each loss differs from the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACTOR = "actor_rollout_ref.actor"
CORRECTION = "algorithm.rollout_correction"
WRITTEN_FOR = {"trl": "1.16", "verl": "0.9"}
"""The releases whose names these are."""


@dataclass(frozen=True)
class Paper:
    """One method elsewhere. None: that library has no setting for it."""

    name: str
    arxiv: str
    trl: dict[str, Any] | None
    """Arguments of `trl.GRPOConfig`, or of `trl_config`."""
    verl: dict[str, Any] | None
    """Overrides on the command line of `verl.trainer.main_ppo`."""
    token_loss: str = ""
    """The `token_loss` of `trainer`, where TRL needs one of ours."""
    trl_note: str = ""
    verl_note: str = ""
    """What the settings leave open."""
    trl_config: str = "trl.GRPOConfig"
    """The dotted name of TRL's configuration; its trainer has the same name with Trainer for
    Config."""
    trainer: str = "TrustRegionTrainer"
    """Whose subclass `token_loss` stands in: a class of `trlib.bridges.trl`."""
    anchor: str = ""
    """That of `trainer`, where it has another by itself."""

    def command(self) -> str:
        """verl's settings as one types them."""
        return " ".join(f"{name}={value}" for name, value in (self.verl or {}).items())


def _clip(low: float, high: float) -> dict[str, Any]:
    return {f"{ACTOR}.clip_ratio_low": low, f"{ACTOR}.clip_ratio_high": high}


def _loss(mode: str, how: str = "token-mean", adv: str = "grpo") -> dict[str, Any]:
    return {
        "algorithm.adv_estimator": adv,
        f"{ACTOR}.policy_loss.loss_mode": mode,
        f"{ACTOR}.loss_agg_mode": how,
    }


SAMPLER = {
    "actor_rollout_ref.rollout.calculate_log_probs": True,
    "algorithm.rollout_correction.bypass_mode": True,
}
"""verl: the anchor is the policy that sampled."""
UNCORRECTED = {"vllm_importance_sampling_correction": False}
"""TRL: nothing else corrects for the sampler, which is in the ratio already."""
RECOMPUTED = {"actor_rollout_ref.rollout.calculate_log_probs": True}
"""verl: the sampler's log-probs are stored, and the anchor is recomputed."""
GROUP_MEAN = {"algorithm.norm_adv_by_std_in_grpo": False}
"""verl: an advantage is the reward less the group's mean, and no more."""
DUAL_CLIP = "Adds a dual clip of 3, `clip_ratio_c`."
"""verl: what its loss `vanilla` has beside PPO's clip."""
WITH_VLLM = "Acts only with `use_vllm=True`."
"""TRL has no log-probs of another sampler."""
LEGACY = "With `trainer.use_v1=False` the bypass mode puts a PPO clip in the place of this loss."

PAPERS: dict[str, Paper] = {
    "ppo": Paper(
        "PPO",
        "1707.06347",
        None,
        _loss("vanilla", adv="gae") | _clip(0.2, 0.2),
        trl_note="Has no trainer with a critic.",
        verl_note=DUAL_CLIP,
    ),
    "grpo": Paper(
        "GRPO",
        "2402.03300",
        {
            "loss_type": "grpo",
            "epsilon": 0.2,
            "beta": 0.04,
            "scale_rewards": "group",
            "use_bias_correction_kl": False,
        },
        _loss("vanilla", "seq-mean-token-mean")
        | _clip(0.2, 0.2)
        | {
            f"{ACTOR}.use_kl_loss": True,
            f"{ACTOR}.kl_loss_coef": 0.04,
            f"{ACTOR}.kl_loss_type": "low_var_kl",
        },
        trl_note="Its default multiplies the KL term by the ratio; False is the paper's.",
        verl_note="Adds a dual clip of 3, and bounds its KL estimate at 10.",
    ),
    "dr_grpo": Paper(
        "Dr.GRPO",
        "2503.20783",
        {"loss_type": "dr_grpo", "epsilon": 0.2, "beta": 0.0, "scale_rewards": "none"},
        _loss("vanilla", "seq-mean-token-sum-norm") | _clip(0.2, 0.2) | GROUP_MEAN,
        trl_note="Divides by the longest completion allowed.",
        verl_note="Divides by the width of the batch unless `loss_scale_factor` is set.",
    ),
    "dapo": Paper(
        "DAPO",
        "2503.14476",
        {
            "loss_type": "dapo",
            "epsilon": 0.2,
            "epsilon_high": 0.28,
            "beta": 0.0,
            "mask_truncated_completions": True,
        },
        _loss("vanilla", "token-mean")
        | _clip(0.2, 0.28)
        | {"algorithm.filter_groups.enable": True},
        trl_note="Draws no new prompts for groups with equal rewards. The penalty for length is a "
        "reward function.",
        verl_note="The penalty for length is a reward function. We have not run the group filter.",
    ),
    "gspo": Paper(
        "GSPO",
        "2507.18071",
        {
            "importance_sampling_level": "sequence",
            "loss_type": "grpo",
            "epsilon": 3e-4,
            "epsilon_high": 4e-4,
            "beta": 0.0,
        },
        _loss("gspo", "seq-mean-token-mean") | _clip(3e-4, 4e-4),
        verl_note="Bounds a completion's ratio at e^10.",
    ),
    "cispo": Paper(
        "CISPO",
        "2506.13585",
        {"loss_type": "cispo", "epsilon_high": 5.0, "beta": 0.0},
        _loss("cispo", "token-mean") | _clip(1.0, 4.0),
        trl_note="The number is the bound on r itself. The paper prints none; 5 is what TRL "
        "advises, after ScaleRL. Our runs use 1.2.",
        verl_note="The numbers are distances from 1: r stays in [0, 5].",
    ),
    "sapo": Paper(
        "SAPO",
        "2511.20347",
        {
            "loss_type": "sapo",
            "sapo_temperature_pos": 1.0,
            "sapo_temperature_neg": 1.05,
            "beta": 0.0,
        },
        _loss("sapo", "seq-mean-token-mean") | {f"{ACTOR}.tau_pos": 1.0, f"{ACTOR}.tau_neg": 1.05},
    ),
    "gmpo": Paper(
        "GMPO",
        "2507.20673",
        {"epsilon": 0.4, "epsilon_high": 0.4, "beta": 0.0},
        _loss("geo_mean", "seq-mean-token-mean") | _clip(0.4, 0.4),
        trl_note="Of `trl.experimental.gmpo.GMPOConfig`, for its `GMPOTrainer`.",
        trl_config="trl.experimental.gmpo.GMPOConfig",
    ),
    "pspo": Paper(
        "PSPO",
        "2509.21282",
        {"loss_type": "grpo", "beta": 0.0},
        _loss("trlib_pspo", "seq-mean-token-mean"),
        token_loss="partial(pspo_loss, alpha=0.1)",
        anchor="recomputed",
        trl_note="By the bridge.",
        verl_note="By the bridge.",
    ),
    "dppo": Paper(
        "DPPO",
        "2602.04879",
        {"loss_type": "dr_grpo", "scale_rewards": "none", "beta": 0.0, **UNCORRECTED},
        _loss("trlib_dppo_tv", "seq-mean-token-sum-norm") | GROUP_MEAN | SAMPLER,
        token_loss="partial(dppo_loss, delta_tv=0.15)",
        trl_note="By the bridge. The anchor is the sampler where TRL has its log-probs (vLLM). "
        "Top-K DPPO is `partial(dppo_sparse_loss, delta_tv=0.15)` in a `DistributionTrainer`.",
        verl_note="By the bridge. verl's own `dppo_tv` bounds the weight at 3 unless "
        "`clip_ratio_c` says "
        "otherwise; its threshold is `clip_ratio_low` and `clip_ratio_high`. " + LEGACY,
    ),
    "quatro": Paper(
        "QUATRO",
        "2602.04620",
        {"loss_type": "luspo", "beta": 0.0, **UNCORRECTED},
        _loss("trlib_quatro", "seq-mean-token-sum", adv="trlib_quatro") | SAMPLER,
        trainer="QuatroTrainer",
        trl_note="By the bridge; derived here. Reads raw rewards, whatever `scale_rewards` says. "
        "The anchor is the sampler where TRL has its log-probs (vLLM).",
        verl_note="By the bridge; derived here. " + LEGACY,
    ),
    "troll": Paper(
        "TROLL",
        "2510.03817",
        {"loss_type": "dapo", "beta": 0.0},
        None,
        token_loss="partial(troll_sparse_loss, delta_kl=0.05)",
        trainer="DistributionTrainer",
        trl_note="By the bridge, on the old policy's 64 most likely tokens. Computes whole "
        "logits. Text only.",
        verl_note="Hands no distribution to a policy loss.",
    ),
    "trapo": Paper(
        "TRAPO",
        "2512.17636",
        None,
        None,
        trl_note="Mixes no expert's tokens into a group.",
        verl_note="Mixes no expert's tokens into a group.",
    ),
}
"""Every paper by the method's key in `trlib.algorithms.ALGORITHMS`."""
PLAIN = {"loss_type": "dapo", "scale_rewards": "none", "beta": 0.0}
"""TRL: as `GROUP_MEAN`, and a mean over all tokens."""
BESIDE: dict[str, Paper] = {
    "reinforce": Paper(
        "REINFORCE",
        "",
        {**PLAIN, "num_iterations": 1},
        _loss("gpg") | GROUP_MEAN,
        trl_note="With one update for each rollout (`steps_per_generation` no more than "
        "`gradient_accumulation_steps`) the ratio is 1, and nothing is clipped.",
    ),
    "pg_is": Paper(
        "The unclipped run",
        "",
        PLAIN,
        _loss("trlib_pg_is") | GROUP_MEAN,
        token_loss="pg_is_loss",
        anchor="recomputed",
        trl_note="By the bridge.",
        verl_note="By the bridge, after `register({'trlib_pg_is': pg_is_loss})`.",
    ),
    "ppo": Paper(
        "PPO with a group's mean",
        "",
        {**PLAIN, "epsilon": 0.2},
        _loss("vanilla") | _clip(0.2, 0.2) | GROUP_MEAN,
        verl_note=DUAL_CLIP,
    ),
    "ppo_critic": PAPERS["ppo"],
    "trpo": Paper(
        "TRPO",
        "",
        None,
        None,
        trl_note="Takes its step with an optimiser, and has no region in the update.",
        verl_note="Takes its step with an optimiser, and has no region in the update.",
    ),
    "ppo_penalty": Paper(
        "PPO with a KL penalty",
        "",
        None,
        None,
        trl_note="Its `beta` holds the policy to a fixed reference, not to the policy before the "
        "batch.",
        verl_note="Its `use_kl_loss` holds the policy to a fixed reference, not to the policy "
        "before the batch.",
    ),
    "tis": Paper(
        "TIS",
        "",
        {
            **PLAIN,
            "vllm_importance_sampling_mode": "token_truncate",
            "vllm_importance_sampling_clip_max": 2.0,
        },
        _loss("vanilla")
        | GROUP_MEAN
        | RECOMPUTED
        | {f"{CORRECTION}.rollout_is": "token", f"{CORRECTION}.rollout_is_threshold": 2.0},
        trl_note=f"Its default is a mask of whole completions, with a bound of 3. {WITH_VLLM}",
        verl_note="The preset `decoupled_token_is`. Without `rollout_is` nothing is corrected. "
        + DUAL_CLIP,
    ),
    "tis_seq": Paper(
        "TIS of sequences",
        "",
        {
            **PLAIN,
            "vllm_importance_sampling_mode": "sequence_truncate",
            "vllm_importance_sampling_clip_max": 2.0,
        },
        _loss("vanilla")
        | GROUP_MEAN
        | RECOMPUTED
        | {f"{CORRECTION}.rollout_is": "sequence", f"{CORRECTION}.rollout_is_threshold": 2.0},
        trl_note=f"Its default is a mask of whole completions, with a bound of 3. {WITH_VLLM}",
        verl_note="The preset `decoupled_seq_is`. Without `rollout_is` nothing is corrected. "
        + DUAL_CLIP,
    ),
    "opsm": Paper(
        "OPSM",
        "2512.02556",
        {**PLAIN, "off_policy_mask_threshold": 0.1},
        None,
        trl_note="The distance is that from the sampler where TRL has its log-probs (vLLM), else from "
        "the policy before the batch. The threshold is ours; TRL gives 0.5 as an example.",
        verl_note="Has no such mask: its `rollout_rs` drops completions whatever the sign of their "
        "advantage.",
    ),
    "trm": Paper(
        "TRM",
        "2512.23075",
        None,
        _loss("vanilla")
        | GROUP_MEAN
        | RECOMPUTED
        | {
            f"{CORRECTION}.rollout_rs": "'seq_max_k2,seq_mean_k3'",
            f"{CORRECTION}.rollout_rs_threshold": "'0.1,0.002'",
        },
        trl_note="Has no mask by the largest distance of a completion's tokens.",
        verl_note="In a shell the two values with a comma need double quotes around the whole setting, "
        "too. The mask is drawn once for each batch, from π_old/μ, and not from the present policy. "
        + DUAL_CLIP,
    ),
    "dpo": Paper(
        "DPO",
        "2305.18290",
        {"beta": 0.1},
        None,
        trl_note="Of `DPOConfig`, for its `DPOTrainer`, which learns from a data set of pairs.",
        verl_note="Has no trainer for pairs.",
        trl_config="trl.DPOConfig",
    ),
    "tr_dpo": Paper(
        "TR-DPO",
        "2404.09656",
        {
            "beta": 0.05,
            "sync_ref_model": True,
            "ref_model_mixup_alpha": 0.6,
            "ref_model_sync_steps": 512,
        },
        None,
        trl_note="Of `DPOConfig`, for its `DPOTrainer`, which learns from a data set of pairs.",
        verl_note="Has no trainer for pairs.",
        trl_config="trl.DPOConfig",
    ),
    "mis": Paper(
        "MIS",
        "",
        {
            **PLAIN,
            "vllm_importance_sampling_mode": "token_mask",
            "vllm_importance_sampling_clip_max": 2.0,
        },
        _loss("vanilla")
        | GROUP_MEAN
        | RECOMPUTED
        | {
            f"{CORRECTION}.rollout_is": "token",
            f"{CORRECTION}.rollout_is_threshold": "0.000000001_2.0",
        },
        trl_note=f"Its default masks whole completions, with a bound of 3. {WITH_VLLM}",
        verl_note="A single number as the threshold would be TIS, and a mask needs a lower bound "
        "above 0. This one masks nothing, because no weight of verl is below e^-20. " + DUAL_CLIP,
    ),
    "mis_seq": Paper(
        "MIS of sequences",
        "",
        {
            **PLAIN,
            "vllm_importance_sampling_mode": "sequence_mask",
            "vllm_importance_sampling_clip_max": 2.0,
        },
        _loss("vanilla")
        | GROUP_MEAN
        | RECOMPUTED
        | {
            f"{CORRECTION}.rollout_is": "sequence",
            f"{CORRECTION}.rollout_is_threshold": 2.0,
            f"{CORRECTION}.rollout_rs": "seq_sum_k1",
            f"{CORRECTION}.rollout_rs_threshold": "0.5_2.0",
        },
        trl_note=f"Its default, with a bound of 3 instead of 2. {WITH_VLLM}",
        verl_note="The preset `decoupled_seq_is_rs`, which also drops products below 0.5. "
        + DUAL_CLIP,
    ),
    "geo_mask": Paper(
        "Geometric mask",
        "",
        None,
        _loss("vanilla")
        | GROUP_MEAN
        | RECOMPUTED
        | {
            f"{CORRECTION}.rollout_rs": "seq_mean_k1",
            f"{CORRECTION}.rollout_rs_threshold": "0.999_1.001",
        },
        trl_note="Has no mask by the geometric mean of a completion.",
        verl_note="The bounds are those of μ/π_old, the inverse of the ratio above. What is dropped "
        "leaves the mean's denominator, too. " + DUAL_CLIP,
    ),
    "icepop": Paper(
        "IcePop",
        "2510.18855",
        {
            **PLAIN,
            "vllm_importance_sampling_mode": "token_mask",
            "vllm_importance_sampling_clip_min": 0.5,
            "vllm_importance_sampling_clip_max": 5.0,
        },
        _loss("vanilla")
        | GROUP_MEAN
        | RECOMPUTED
        | {
            f"{CORRECTION}.rollout_is": "token",
            f"{CORRECTION}.rollout_is_threshold": "0.5_5.0",
        },
        trl_note=WITH_VLLM,
        verl_note="Write both numbers with a decimal point: YAML reads `0.5_5` as 0.55. "
        + DUAL_CLIP,
    ),
    "vespo": Paper(
        "VESPO",
        "2602.10693",
        {
            "loss_type": "vespo",
            "vespo_k_pos": 2.0,
            "vespo_lambda_pos": 3.0,
            "vespo_k_neg": 3.0,
            "vespo_lambda_neg": 2.0,
            "vllm_importance_sampling_mode": "token_truncate",
            "beta": 0.0,
        },
        None,
        trl_note="Takes π/π_old, and with `use_vllm=True` multiplies it by the correction of every "
        "token, at most 3.",
        verl_note="Has no such loss.",
    ),
    "kl_cov": Paper(
        "kl-cov",
        "2505.22617",
        None,
        _loss("kl_cov")
        | GROUP_MEAN
        | {
            f"{ACTOR}.policy_loss.kl_cov_ratio": 0.0002,
            f"{ACTOR}.policy_loss.ppo_kl_coef": 1.0,
        },
        trl_note="Has no such loss.",
        verl_note="Its default for `ppo_kl_coef` is 0.1.",
    ),
    "clip_cov": Paper(
        "clip-cov",
        "2505.22617",
        None,
        _loss("clip_cov")
        | GROUP_MEAN
        | _clip(1.0, 1.0)
        | {f"{ACTOR}.policy_loss.clip_cov_ratio": 0.0002},
        trl_note="Has no such loss.",
    ),
    "dro": Paper(
        "DRO",
        "2405.19107",
        None,
        _loss("dro") | GROUP_MEAN | {f"{ACTOR}.policy_loss.dro_beta": 0.05},
        trl_note="Has no such loss.",
        verl_note="`dro_beta` has no default.",
    ),
    "luspo": Paper(
        "LUSPO",
        "2602.05261",
        {
            "importance_sampling_level": "sequence",
            "loss_type": "luspo",
            "epsilon": 2e-3,
            "epsilon_high": 2.5e-3,
            "beta": 0.0,
        },
        None,
        trl_note="The window is that of the paper, as TRL's index of papers quotes it; ours is GSPO's. "
        "At TRL's default of 0.2 hardly any completion is clipped. Without the first setting TRL "
        "warns, and clips single tokens.",
        verl_note="Has no such loss.",
    ),
    "opo": Paper(
        "OPO",
        "2505.23585",
        None,
        _loss("vanilla", adv="opo"),
        trl_note="Has no such baseline.",
        verl_note="With `ppo_mini_batch_size` equal to `data.train_batch_size`: one update per batch. "
        "Otherwise PPO's clip and a dual clip of 3 act, which OPO does not have.",
    ),
}
"""By the name of a card: what has no row in the table, or another there."""
ELSEWHERE = {"sft": "TRL and verl", "gae": "verl", "muon": "PyTorch"}
"""By the name of a card: who has it as a trainer, as an estimator or as an optimiser of its own."""


def of_card(name: str) -> Paper:
    """A method of the main line elsewhere, by the name of its card.
    Raises ValueError: no row says what it is elsewhere."""
    if name not in PAPERS | BESIDE:
        raise ValueError(
            f"{name}: expected a row of `PAPERS` or `BESIDE` in book/trbook/scale/papers.py, which "
            "says what the method is in TRL and verl, got none: add one, or leave the block of "
            "trainers out of the card"
        )
    return BESIDE.get(name) or PAPERS[name]


def table(library: str) -> list[tuple[str, str, str]]:
    """The rows for `trl` or `verl` in Markdown: the paper, what to set, a line for each setting, and
    what that leaves open."""
    rows = []
    for paper in PAPERS.values():
        given, note = getattr(paper, library), getattr(paper, f"{library}_note")
        shown = [
            f"{name.replace('actor_rollout_ref.', '')}="
            + (repr(value) if library == "trl" else str(value))
            for name, value in (given or {}).items()
        ]
        if library == "trl" and paper.token_loss:
            shown.insert(0, f"token_loss = {paper.token_loss}")
        if library == "trl" and paper.anchor:
            shown.insert(0, f"anchor = {paper.anchor!r}")
        if library == "trl" and (paper.token_loss or paper.trainer != "TrustRegionTrainer"):
            shown.insert(0, paper.trainer)
        settings = "<br>".join(f"`{one}`" for one in shown)
        paper_name = f"{paper.name}, {paper.arxiv}"
        rows.append((paper_name, settings or "no setting", note or "nothing that we found"))
    return rows
