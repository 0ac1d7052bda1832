"""verl's losses and what surrounds them, called as its worker calls them: `old_log_prob` holds the
recomputed policy, the mask is boolean, the configuration is its own ActorConfig."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.libraries import Held, corrected, estimated, judged
from trlab.conformance.pieces import Numbers, compare
from trlab.conformance.report import Finding
from trlab.conformance.vectors import Vectors, tensors
from trlib.aggregation import AGGREGATIONS

CORE = "verl.trainer.ppo.core_algos"
LOSSES = (
    Held("gpg", "reinforce", "token-mean"),
    Held("vanilla", "ppo", "token-mean"),
    Held("vanilla", "ppo_clip_higher", "token-mean"),
    Held("dppo_tv", "dppo_tv", "token-mean"),
    Held("dppo_tv, clip_ratio=0.15 alone", "dppo_tv", "token-mean", {"clip_ratio": 0.15}),
    Held("dppo_kl", "dppo_kl", "token-mean"),
    Held("gspo", "gspo_wide", "seq-mean-token-mean"),
    Held("cispo", "cispo", "token-mean"),
    Held("sapo", "sapo", "token-mean"),
    Held("geo_mean", "gmpo", "token-mean"),
)
ADVANTAGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("grpo", "group_std", {}),
    ("grpo, norm_adv_by_std_in_grpo=False", "group_mean", {"norm_adv_by_std_in_grpo": False}),
    ("rloo", "leave_one_out", {}),
    ("opo", "length_weighted", {}),
    ("opo, a group of one", "length_weighted alone", {}),
)


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every reduction, estimator, advantage and correction."""
    core = import_module(CORE)
    for how in AGGREGATIONS:

        def aggregated(batch: dict[str, Tensor], logp: Tensor, how: str = how) -> Tensor:
            return core.agg_loss(-batch["advantages"] * logp, batch["mask"], how)

        yield judged(vectors, f"agg_loss {how}", "reinforce", how, aggregated)
    yield from estimated(vectors, "kl_penalty", core.kl_penalty, "kl_penalty")
    for subject, name, more in ADVANTAGES:
        run = partial(_advantages, core, subject.split(",")[0], more, name.endswith("alone"))
        yield compare(vectors, f"advantages {subject}", name, run)
    yield compare(vectors, "advantages gae", "gae", partial(_gae, core))
    for level in ("token", "sequence"):
        yield corrected(
            vectors,
            f"rollout correction, {level}",
            f"{level} truncate",
            partial(_correction, level=level),
        )


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss is called."""
    function = import_module(CORE).POLICY_LOSS_REGISTRY[held.name]
    return calls.verl(function, settings=settings, how=held.how)


def _advantages(
    core: Any, name: str, more: dict[str, Any], alone: bool, vectors: Vectors
) -> Numbers:
    inputs = tensors(vectors.pieces["advantages_alone" if alone else "advantages"]["inputs"])
    lengths = inputs["lengths"].long()
    mask = (torch.arange(int(lengths.max())) < lengths.unsqueeze(-1)).double()
    rewards = torch.zeros_like(mask)
    rewards[:, 0] = inputs["rewards"]
    advantages, _ = core.get_adv_estimator_fn(name)(
        token_level_rewards=rewards, response_mask=mask, index=inputs["group"].numpy(), **more
    )
    return {"advantages": advantages[:, 0]}


def _gae(core: Any, vectors: Vectors) -> Numbers:
    document = vectors.pieces["gae"]["inputs"]
    inputs = tensors(document)
    mask = inputs["mask"]
    advantages, returns = core.compute_gae_advantage_return(
        inputs["rewards"], inputs["values"], mask.double(), document["gamma"], document["lam"]
    )
    return {"advantages": advantages.where(mask, 0.0), "returns": returns.where(mask, 0.0)}


def _correction(batch: dict[str, Tensor], level: str) -> Tensor:
    helper = import_module("verl.trainer.ppo.rollout_corr_helper")
    d = (batch["logp_old"] - batch["logp_rollout"]).masked_fill(~batch["mask"], 0.0)
    return helper.compute_rollout_correction_weights(
        d, batch["mask"].double(), rollout_is=level, rollout_is_threshold=2.0
    )[0]
