"""torchrl's losses and what surrounds them: each `forward` runs as it is, on an actor that knows
the log-probs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from trlab.conformance import calls
from trlab.conformance.libraries import Held, by_token, judged
from trlab.conformance.pieces import Numbers, compare, estimator_of
from trlab.conformance.report import Finding
from trlab.conformance.vectors import Vectors, tensors

LOSSES = (
    Held("GRPOLoss", "ppo", "token-mean"),
    Held(
        "GRPOLoss, aggregation=prompt_mean",
        "ppo",
        "seq-mean-token-mean",
        options={"aggregation": "prompt_mean"},
    ),
    Held("DAPO", "ppo_clip_higher", "token-mean"),
    Held("CISPOLoss", "cispo", "token-mean"),
)
"""Of `torchrl.objectives.llm`; `ClipPPOLoss` has no mask and stands apart."""


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for a clip without a mask, the KL term, the advantages of a group and of a critic."""
    for name in ("ppo", "ppo_clip_higher"):
        run = partial(_flat, vectors.losses[name]["settings"])
        yield judged(vectors, "ClipPPOLoss, unmasked tokens alone", name, "token-mean", run)
    penalty = _loss("GRPOLoss", {}, {"kl_to_inference_coeff": 1.0})
    kl = by_token(lambda batch, logp: _run(penalty, batch, logp).loss_kl_to_inference)
    yield compare(vectors, "KL term", "k3", partial(estimator_of, kl=kl))
    yield compare(vectors, "MCAdvantage, trajectory_return=sum", "group_std in fours", _advantages)
    yield compare(vectors, "generalized_advantage_estimate", "gae", _gae)


def subject(modules: dict[str, Any], held: Held, settings: dict[str, Any]) -> calls.Subject:
    """How a loss of a language model is called."""
    loss = _loss(held.name, settings, held.options)
    return lambda batch, logp: _run(loss, batch, logp).loss_objective


class _Actor(nn.Module):
    """Stands for the policy: its distribution has the log-probs that a batch gives it, and the
    batch's mask."""

    in_keys: list[str] = []  # noqa: RUF012
    out_keys: list[str] = []  # noqa: RUF012
    known: Any = None

    def get_dist(self, *_: Any, **__: Any) -> Any:
        return self.known

    def knows(self, logp: Tensor, mask: Tensor | None = None) -> None:
        object.__setattr__(self, "known", SimpleNamespace(log_prob=lambda _: logp, mask=mask))


def _loss(name: str, settings: dict[str, Any], options: dict[str, Any]) -> Any:
    kind = getattr(import_module("torchrl.objectives.llm"), name)
    clip = {"clip_epsilon": (settings["eps_low"], settings["eps_high"])} if settings else {}
    return kind(_Actor(), entropy_bonus=False, masking_strategy="generic", **clip, **options)


def _run(loss: Any, batch: dict[str, Tensor], logp: Tensor) -> Any:
    """What a loss of `torchrl.objectives.llm` makes of a batch; its tensors are [B, T] and the
    advantage [B, T, 1]."""
    from tensordict import TensorDict

    loss.actor_network.knows(logp, batch["mask"])
    ids = torch.zeros_like(batch["mask"], dtype=torch.long)
    return loss(
        TensorDict(
            {
                ("tokens", "full"): ids,
                ("log_probs", "full"): batch["logp_old"],
                "advantage": batch["advantages"].unsqueeze(-1),
            },
            batch_size=[len(ids)],
        )
    )


def _flat(settings: dict[str, Any], batch: dict[str, Tensor], logp: Tensor) -> Tensor:
    """`ClipPPOLoss` on the unmasked tokens as so many steps: it averages over all that it is
    given."""
    from tensordict import TensorDict
    from torchrl.objectives import ClipPPOLoss

    mask, actor = batch["mask"], _Actor()
    if not bool(mask.any()):
        raise calls.NotAsked
    loss = ClipPPOLoss(
        actor,
        None,
        entropy_bonus=False,
        functional=False,
        clip_epsilon=(settings["eps_low"], settings["eps_high"]),
    )
    actor.knows(logp[mask])
    steps = TensorDict(
        {
            "action": torch.zeros_like(logp[mask]),
            "action_log_prob": batch["logp_old"][mask],
            "advantage": batch["advantages"][mask].unsqueeze(-1),
        },
        batch_size=[int(mask.sum())],
    )
    return loss(steps)["loss_objective"]


def _advantages(vectors: Vectors) -> Numbers:
    """What the transform of a replay buffer makes of groups of four, one step a trajectory."""
    from tensordict import TensorDict
    from torchrl.objectives.llm import MCAdvantage

    inputs = tensors(vectors.pieces["advantages_in_fours"]["inputs"])
    transform = MCAdvantage(grpo_size=4, prompt_key="group", trajectory_return="sum")
    parts = []
    for reward, group in zip(inputs["rewards"], inputs["group"], strict=True):
        step = {"reward": reward.view(1, 1), "done": torch.ones(1, 1, dtype=torch.bool)}
        whole = transform.inv(
            TensorDict(group=group.view(1), next=TensorDict(step, batch_size=[1]), batch_size=[1])
        )
        parts += [] if whole is None else [whole["advantage"].flatten()]
    return {"advantages": torch.cat(parts)}


def _gae(vectors: Vectors) -> Numbers:
    """Row by row, on its unmasked tokens: the function knows no mask."""
    from torchrl.objectives.value.functional import generalized_advantage_estimate

    document = vectors.pieces["gae"]["inputs"]
    inputs = tensors(document)
    advantages, returns = torch.zeros_like(inputs["values"]), torch.zeros_like(inputs["values"])
    for row, mask in enumerate(inputs["mask"]):
        value = inputs["values"][row, mask].view(1, -1, 1)
        after = torch.cat([value[:, 1:], torch.zeros_like(value[:, :1])], 1)
        done = (torch.arange(value.shape[1]) == value.shape[1] - 1).view(1, -1, 1)
        ahead, value_target = generalized_advantage_estimate(
            document["gamma"],
            document["lam"],
            value,
            after,
            inputs["rewards"][row, mask].view(1, -1, 1),
            done,
        )
        advantages[row, mask], returns[row, mask] = ahead.flatten(), value_target.flatten()
    return {"advantages": advantages, "returns": returns}
