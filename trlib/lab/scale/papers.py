"""From a paper's method to settings of TRL 1.16 and verl 0.9: one row each, of which tests build both libraries' own
configurations and, in TRL, take a step.

    PAPERS["gspo"].trl          GRPOConfig(importance_sampling_level="sequence", loss_type="grpo", ...)
    PAPERS["gspo"].verl         actor_rollout_ref.actor.policy_loss.loss_mode=gspo ...

The numbers are the paper's. What a setting then computes is another question: `trlib conformance` and the page of that
name run every loss and say where it differs from the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACTOR = "actor_rollout_ref.actor"
WRITTEN_FOR = {"trl": "1.16", "verl": "0.9"}
"""The releases whose names these are."""


@dataclass(frozen=True)
class Paper:
    """One method elsewhere. None: that library has no setting for it."""

    name: str
    arxiv: str
    trl: dict[str, Any] | None
    """Arguments of `trl.GRPOConfig`."""
    verl: dict[str, Any] | None
    """Overrides on the command line of `verl.trainer.main_ppo`."""
    token_loss: str = ""
    """The `token_loss` of `trlib.bridges.trl.TrustRegionTrainer`, where TRL needs one of ours."""
    note: str = ""
    """What the settings leave open."""

    def command(self) -> str:
        """verl's settings as one types them."""
        return " ".join(f"{name}={value}" for name, value in (self.verl or {}).items())


def _clip(low: float, high: float) -> dict[str, Any]:
    return {f"{ACTOR}.clip_ratio_low": low, f"{ACTOR}.clip_ratio_high": high}


def _loss(mode: str, how: str = "token-mean", adv: str = "grpo") -> dict[str, Any]:
    return {"algorithm.adv_estimator": adv, f"{ACTOR}.policy_loss.loss_mode": mode, f"{ACTOR}.loss_agg_mode": how}


PAPERS: dict[str, Paper] = {
    "ppo": Paper("PPO", "1707.06347", None, _loss("vanilla", adv="gae") | _clip(0.2, 0.2),
                 note="TRL's trainer with a critic stands among its experiments. verl adds a dual clip of 3, "
                      "`clip_ratio_c`."),
    "grpo": Paper("GRPO", "2402.03300",
                  {"loss_type": "grpo", "epsilon": 0.2, "beta": 0.04, "scale_rewards": "group",
                   "use_bias_correction_kl": False},
                  _loss("vanilla", "seq-mean-token-mean") | _clip(0.2, 0.2)
                  | {f"{ACTOR}.use_kl_loss": True, f"{ACTOR}.kl_loss_coef": 0.04,
                     f"{ACTOR}.kl_loss_type": "low_var_kl"},
                  note="verl adds a dual clip of 3, and bounds its KL estimate at 10."),
    "dr_grpo": Paper("Dr.GRPO", "2503.20783",
                     {"loss_type": "dr_grpo", "epsilon": 0.2, "beta": 0.0, "scale_rewards": "none"},
                     _loss("vanilla", "seq-mean-token-sum-norm") | _clip(0.2, 0.2)
                     | {"algorithm.norm_adv_by_std_in_grpo": False},
                     note="Their constant divisors differ: TRL takes the longest completion allowed, verl the width of "
                          "the batch unless `loss_scale_factor` is set."),
    "dapo": Paper("DAPO", "2503.14476",
                  {"loss_type": "dapo", "epsilon": 0.2, "epsilon_high": 0.28, "beta": 0.0,
                   "mask_truncated_completions": True},
                  _loss("vanilla", "token-mean") | _clip(0.2, 0.28) | {"algorithm.filter_groups.enable": True},
                  note="TRL draws no new prompts for groups with equal rewards. The penalty for length is a reward "
                       "function in both."),
    "gspo": Paper("GSPO", "2507.18071",
                  {"importance_sampling_level": "sequence", "loss_type": "grpo", "epsilon": 3e-4,
                   "epsilon_high": 4e-4, "beta": 0.0},
                  _loss("gspo", "seq-mean-token-mean") | _clip(3e-4, 4e-4)),
    "cispo": Paper("CISPO", "2506.13585", {"loss_type": "cispo", "epsilon_high": 5.0, "beta": 0.0},
                   _loss("cispo", "token-mean") | _clip(1.0, 4.0),
                   note="Both bound r at 5: TRL's number is the bound, verl's the distance from 1, and its 1 below is "
                        "a bound of 0."),
    "sapo": Paper("SAPO", "2511.20347",
                  {"loss_type": "sapo", "sapo_temperature_pos": 1.0, "sapo_temperature_neg": 1.05, "beta": 0.0},
                  _loss("sapo", "seq-mean-token-mean") | {f"{ACTOR}.tau_pos": 1.0, f"{ACTOR}.tau_neg": 1.05}),
    "gmpo": Paper("GMPO", "2507.20673", None, _loss("geo_mean", "seq-mean-token-mean") | _clip(0.4, 0.4),
                  note="TRL's GRPO has no geometric mean. The bridge's losses are of tokens, and this one is of "
                       "completions."),
    "pspo": Paper("PSPO", "2509.21282", {"loss_type": "grpo", "beta": 0.0}, _loss("trlib_pspo", "seq-mean-token-mean"),
                  token_loss="partial(pspo_loss, alpha=0.1)", note="In both by the bridge."),
    "dppo": Paper("DPPO", "2602.04879", {"loss_type": "dr_grpo", "scale_rewards": "none", "beta": 0.0},
                  _loss("trlib_dppo_tv", "seq-mean-token-sum-norm")
                  | {"algorithm.norm_adv_by_std_in_grpo": False, "actor_rollout_ref.rollout.calculate_log_probs": True,
                     "algorithm.rollout_correction.bypass_mode": True},
                  token_loss="partial(dppo_loss, delta_tv=0.15)",
                  note="In both by the bridge. verl's own `dppo_tv` bounds the weight at 3 unless `clip_ratio_c` says "
                       "otherwise, and reads its threshold from `clip_ratio_low` and `clip_ratio_high`."),
    "quatro": Paper("QUATRO", "2602.04620", None, _loss("trlib_quatro", "seq-mean-token-sum-norm", adv="trlib_quatro"),
                    note="Derived here. In verl by the bridge. TRL takes groups apart before the loss."),
    "troll": Paper("TROLL", "2510.03817", None, None,
                   note="Neither hands the anchor's distribution to its loss. The authors' code is a fork of verl."),
    "trapo": Paper("TRAPO", "2512.17636", None, None,
                   note="Neither mixes an expert's tokens into a group. The authors' code is a fork of verl."),
}
"""Every paper by the method's key in `trlib.algorithms.ALGORITHMS`."""


def table() -> list[dict[str, str]]:
    """The rows as text, for a page."""
    def settings(given: dict[str, Any] | None, more: str = "") -> str:
        if given is None:
            return "none"
        parts = [f"{name.replace('actor_rollout_ref.', '')}={value!r}" if isinstance(value, str)
                 else f"{name.replace('actor_rollout_ref.', '')}={value}" for name, value in given.items()]
        return " ".join([*([more] if more else []), *parts])

    return [{"paper": f"{paper.name}, arXiv {paper.arxiv}",
             "TRL: GRPOConfig": settings(paper.trl, f"TrustRegionTrainer: {paper.token_loss};" if paper.token_loss
                                         else ""),
             "verl": settings(paper.verl), "what is left open": paper.note} for paper in PAPERS.values()]
