"""Make the golden vectors from the reference: python -m trlab.conformance.make

Everything is computed in float64 by the ground floor of this package. The file that comes out is
described, for a reader without this package, in SPECIFICATION.md.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import inputs
from trlab.conformance.reference import LOSSES, call
from trlab.conformance.relatives import PAIRED
from trlab.conformance.vectors import FORMAT, PATH, VERSION, tensors
from trlib import advantages, algorithms, corrections, divergences
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import Batch, Provided, Scores
from trlib.relatives.optimizers import Ball
from trlib.relatives.preferences import DPO


def document() -> dict[str, Any]:
    """Everything that the file holds."""
    batches = inputs.batches()
    return {
        "format": FORMAT,
        "version": VERSION,
        "aggregations": list(AGGREGATIONS),
        "horizon": inputs.HORIZON,
        "batches": batches,
        "coefficients": _coefficients(batches),
        "losses": {name: _loss(name, batches) for name in LOSSES},
        "distributions": _distributions(),
        "pieces": _pieces(batches),
    }


def _loss(name: str, batches: list[dict[str, Any]]) -> dict[str, Any]:
    _, settings, how, formula, source = LOSSES[name]
    results = {}
    for batch in batches:
        data = tensors(batch)
        logp = data["logp"].requires_grad_()
        per_token = call(name, data, logp)
        (gradient,) = torch.autograd.grad(per_token.sum(), logp)
        results[batch["name"]] = {"per_token": per_token.tolist(), "gradient": gradient.tolist()}
    return {
        "formula": formula,
        "source": source,
        "settings": settings,
        "aggregation": how,
        "batches": results,
    }


def _coefficients(batches: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """What one token of each row counts under each aggregation: d aggregate / d per_token."""
    found: dict[str, dict[str, list[float]]] = {how: {} for how in AGGREGATIONS}
    for how, by_batch in found.items():
        for batch in batches:
            mask = tensors(batch)["mask"]
            values = torch.zeros(mask.shape, dtype=torch.float64, requires_grad=True)
            (gradient,) = torch.autograd.grad(
                aggregate(values, mask, how, horizon=inputs.HORIZON), values
            )
            by_batch[batch["name"]] = gradient.amax(-1).tolist()
    return found


def _distributions() -> dict[str, Any]:
    """Losses and distances of whole distributions, with gradients in every token's log-prob."""
    batch = inputs.distributions()
    data = tensors(batch)
    new, old, mask = data["logp"].requires_grad_(), data["logp_old"], data["mask"]

    def both(value: Tensor, name: str) -> dict[str, Any]:
        (gradient,) = torch.autograd.grad(value.sum(), new)
        return {name: value.tolist(), "gradient": gradient.tolist()}

    top = old.topk(3, -1)
    loss = algorithms.troll_loss(
        new,
        old,
        tokens=data["tokens"],
        advantages=data["advantages"],
        mask=mask,
        delta_kl=0.05,
        alpha=1.0,
    )
    return {
        "inputs": {**batch, "topk_ids": top.indices.tolist(), "topk_logp": top.values.tolist()},
        "troll": {
            "settings": {"delta_kl": 0.05, "alpha": 1.0},
            "formula": "L = -A pi(y)/q(y) + alpha KL(new || sg[pi]), pi = argmin KL(. || new) s.t. "
            "KL(pi || old) <= delta_kl, the gradient through the projection",
            **both(loss.per_token, "per_token"),
        },
        "project": {
            "settings": {"delta_kl": 0.05},
            "formula": "log pi = (eta log old + log new)/(1 + eta) - log Z",
            "logp": algorithms.troll.project(new, old, delta_kl=0.05).logp.detach().tolist(),
        },
        "kl": {
            "formula": "KL(old || new)",
            **both(divergences.kl(old, new).where(mask, 0.0), "values"),
        },
        "tv": {
            "formula": "TV(old, new)",
            **both(divergences.tv(old, new).where(mask, 0.0), "values"),
        },
        "topk_kl": {
            "formula": "KL(old || new) over topk_ids and one bucket for the rest",
            "values": divergences.topk_kl(top.values, top.indices, new.detach())
            .where(mask, 0.0)
            .tolist(),
        },
        "topk_tv": {
            "formula": "TV over topk_ids and one bucket for the rest",
            "values": divergences.topk_tv(top.values, top.indices, new.detach())
            .where(mask, 0.0)
            .tolist(),
        },
    }


def _pieces(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """What surrounds a loss: estimators, advantages, corrections."""
    critic = inputs.critic()
    c = tensors(critic)
    lam, gamma = critic["lam"], critic["gamma"]
    advantage, returns = advantages.gae(c["rewards"], c["values"], c["mask"], gamma=gamma, lam=lam)
    estimators: dict[str, Any] = {
        "formula": {
            "k1": "logp - logp_old",
            "k2": "(logp - logp_old)^2 / 2",
            "k3": "exp(d) - d - 1, d = logp_old - logp",
        }
    }
    factors: dict[str, Any] = {
        "formula": "min(c, cap), or c where c <= cap else 0; c = exp(logp_old - logp_rollout) "
        "of the token, or exp of the row's sum; 1 where masked",
        "cap": 2.0,
    }
    for batch in batches:
        data = tensors(batch)
        logp, old, mask = data["logp"].requires_grad_(), data["logp_old"], data["mask"]
        for name in ("k1", "k2", "k3"):
            value = getattr(divergences, name)(logp, old).where(mask, 0.0)
            (gradient,) = torch.autograd.grad(value.sum(), logp)
            estimators.setdefault(name, {})[batch["name"]] = {
                "values": value.tolist(),
                "gradient": gradient.tolist(),
            }
        for level in ("token", "sequence"):
            for how in ("truncate", "mask"):
                factor = corrections.truncated_importance(
                    old, data["logp_rollout"], mask, level=level, how=how
                )
                if batch["name"] in ("two anchors", "an empty row"):
                    factors.setdefault(f"{level} {how}", {})[batch["name"]] = factor.tolist()
    return {
        "advantages": _advantages(inputs.groups()),
        "advantages_in_fours": _advantages(inputs.fours()),
        "gae": {
            "inputs": critic,
            "advantages": advantage.tolist(),
            "returns": returns.tolist(),
            "formula": "delta = R + gamma V' - V, A = delta + gamma lam A', ' the row's next "
            "unmasked token; returns = A + V; not whitened, 0 where masked",
        },
        "estimators": estimators,
        "corrections": factors,
        **_relatives(batches),
    }


def _relatives(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """What the gallery has and a library ships."""
    lonely, given = tensors(inputs.alone()), inputs.matrix()
    beta, share = 0.1, 0.6
    pairs: dict[str, Any] = {
        "beta": beta,
        "formula": "mean over the groups of -log sigmoid(beta (l_first - l_second)), l = sum over "
        "the unmasked tokens of a row of logp - logp_old; gradient in logp",
    }
    for batch in batches:
        if batch["name"] in PAIRED:
            data = tensors(batch)
            logp = data["logp"].requires_grad_()
            loss = _dpo(data, logp, beta)
            (gradient,) = torch.autograd.grad(loss, logp)
            pairs[batch["name"]] = {"value": loss.item(), "gradient": gradient.tolist()}
    policy, reference = [0.5, -1.0, 2.0], [0.25, 1.0, -2.0]
    near = torch.tensor(reference, dtype=torch.float64).lerp(
        torch.tensor(policy, dtype=torch.float64), share
    )
    return {
        "advantages_alone": {
            "inputs": inputs.alone(),
            "formula": "R - sum(length R)/sum(length); 0 in a group of one",
            "length_weighted": advantages.length_weighted(
                lonely["rewards"], lonely["lengths"], lonely["group"]
            ).tolist(),
        },
        "pairs": pairs,
        "reference": {
            "inputs": {"policy": policy, "reference": reference, "share": share},
            "formula": "(1 - share) reference + share policy",
            "reference": near.tolist(),
        },
        "muon": {
            "inputs": given,
            "weights": _muon(given).tolist(),
            "formula": "M = momentum M + (1 - momentum) gradient, from 0; weights = weights - lr "
            "N(M), N five steps of Newton-Schulz from M/(|M| + 1e-7): X = a X + (b S + c S S) X, S "
            "= X X', of the transpose where there are more rows than columns; a, b, c = 3.4445, "
            "-4.7750, 2.0315",
        },
    }


def _dpo(data: dict[str, Tensor], logp: Tensor, beta: float) -> Tensor:
    mask = data["mask"]
    method = DPO(beta=beta)
    batch = Batch(
        tokens=mask.long(),
        mask=mask,
        forced=~mask,
        rewards=data["rewards"],
        group=data["group"],
        ended=mask[:, 0],
        horizon=inputs.LENGTH,
        logp_rollout=data["logp_rollout"],
        provided=Provided(logp_ref=data["logp_old"]),
    )
    return method.loss(method.objective(Scores(logp), batch).per_token, batch)


def _muon(given: dict[str, Any]) -> Tensor:
    data = tensors(given)
    weights = data["weights"].clone().requires_grad_()
    optimizer = Ball([weights], lr=given["lr"], betas=(given["momentum"],), kind="muon")
    for gradient in data["gradients"]:
        weights.grad = gradient.clone()
        optimizer.step()
    return weights.detach()


def _advantages(groups: dict[str, Any]) -> dict[str, Any]:
    given = tensors(groups)
    rewards, group = given["rewards"], given["group"]
    return {
        "inputs": groups,
        "group_std": advantages.group_relative(rewards, group).tolist(),
        "group_mean": advantages.group_relative(rewards, group, scale=None).tolist(),
        "leave_one_out": advantages.leave_one_out(rewards, group).tolist(),
        "length_weighted": advantages.length_weighted(rewards, given["lengths"], group).tolist(),
        "formula": {
            "group_std": "(R - mean)/(std + 1e-6), std with divisor G - 1",
            "group_mean": "R - mean",
            "leave_one_out": "R - mean of the others",
            "length_weighted": "R - sum(length R)/sum(length)",
        },
    }


def main() -> None:
    """Write the file."""
    PATH.write_text(json.dumps(document(), allow_nan=False, separators=(",", ":")) + "\n")
    print(f"{PATH.name}: {PATH.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
