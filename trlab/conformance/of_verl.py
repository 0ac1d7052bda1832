"""verl's losses and what surrounds them, called as its worker calls them: `old_log_prob` holds the
recomputed policy, the mask is boolean, the configuration is its own ActorConfig."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

import torch

from trlab.conformance import calls
from trlab.conformance.libraries import Held, estimated, judged
from trlab.conformance.pieces import CORRECTED, Numbers, compare
from trlab.conformance.report import Finding, judge
from trlab.conformance.vectors import Vectors, tensors
from trlib.aggregation import AGGREGATIONS

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


def hold(vectors: Vectors) -> Iterator[Finding]:
    """A finding for every function."""
    core = import_module("verl.trainer.ppo.core_algos")
    yield from judged(vectors, subjects(vectors, {}))
    for how in AGGREGATIONS:
        yield judge(
            vectors,
            f"agg_loss {how}",
            "reinforce",
            calls.observe(vectors, _aggregated(core, how)),
            how,
        )
    yield from estimated(vectors, "kl_penalty", core.kl_penalty, "kl_penalty")
    for subject, name, more in ADVANTAGES:
        yield compare(
            vectors,
            f"advantages {subject}",
            name,
            partial(_advantages, core, subject.split(",")[0], more, name.endswith("alone")),
        )
    yield compare(vectors, "advantages gae", "gae", partial(_gae, core))
    for level in ("token", "sequence"):
        yield compare(
            vectors,
            f"rollout correction, {level}",
            f"{level} truncate",
            partial(_correction, level),
        )


def subjects(vectors: Vectors, modules: dict[str, Any]) -> Iterator[tuple[Held, calls.Subject]]:
    """Every loss and how it is called."""
    core = import_module("verl.trainer.ppo.core_algos")
    for held in LOSSES:
        yield held, _loss(core, held, vectors)


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


def _correction(level: str, vectors: Vectors) -> Numbers:
    helper = import_module("verl.trainer.ppo.rollout_corr_helper")
    factors = {}
    for name in CORRECTED:
        batch = vectors.batches[name]
        d = (batch["logp_old"] - batch["logp_rollout"]).masked_fill(~batch["mask"], 0.0)
        factors[name] = helper.compute_rollout_correction_weights(
            d, batch["mask"].double(), rollout_is=level, rollout_is_threshold=2.0
        )[0]
    return factors


def _loss(core: Any, held: Held, vectors: Vectors) -> calls.Subject:
    name, settings = (
        held.subject.split(",")[0],
        held.settings or vectors.losses[held.loss]["settings"],
    )
    return lambda batch, logp: calls.verl(
        core.POLICY_LOSS_REGISTRY[name], settings=settings, how=held.how
    )(batch, logp)


def _aggregated(core: Any, how: str) -> calls.Subject:
    return lambda batch, logp: core.agg_loss(-batch["advantages"] * logp, batch["mask"], how)
