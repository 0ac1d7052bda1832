"""Make the golden vectors from the reference again: python -m trcheck.conformance.make

The inputs stay as the file has them: small, decimal, each batch there to tell definitions apart, and
junk under the mask. Everything else is computed in float64 by the ground floor of this package. The
file that comes out is described, for a reader without this package, in SPECIFICATION.md.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from trcheck.conformance.estimators import CORRECTED
from trcheck.conformance.reference import LOSSES, call
from trcheck.conformance.vectors import FORMAT, PATH, VERSION, tensors
from trlib import advantages, corrections, divergences
from trlib.aggregation import AGGREGATIONS, aggregate

Inputs = dict[str, Any]
BOUNDS: dict[str, dict[str, Any]] = {
    f"{level} {how}": {"level": level, "how": how}
    for level in ("token", "sequence")
    for how in ("truncate", "mask")
} | {"token window": {"how": "mask", "floor": 0.5, "cap": 5.0}}
"""Corrections; the last is IcePop's."""


def document() -> dict[str, Any]:
    """Everything that the file holds."""
    kept = json.loads(PATH.read_text())
    batches, horizon = kept["batches"], kept["horizon"]
    return {
        "format": FORMAT,
        "version": VERSION,
        "aggregations": list(AGGREGATIONS),
        "horizon": horizon,
        "batches": batches,
        "coefficients": _coefficients(batches, horizon),
        "losses": {name: _loss(name, batches) for name in LOSSES},
        "pieces": _pieces(batches, kept["pieces"]),
    }


def _with_gradient(name: str, value: Tensor, leaf: Tensor) -> dict[str, Any]:
    """A value, under its name, and the gradient of its sum."""
    (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return {name: value.tolist(), "gradient": gradient.tolist()}


def _loss(name: str, batches: list[Inputs]) -> dict[str, Any]:
    _, settings, how, formula, source = LOSSES[name]
    results = {}
    for batch in batches:
        data = tensors(batch)
        logp = data["logp"].requires_grad_()
        results[batch["name"]] = _with_gradient("per_token", call(name, data, logp), logp)
    return {
        "formula": formula,
        "source": source,
        "settings": settings,
        "aggregation": how,
        "batches": results,
    }


def _coefficients(batches: list[Inputs], horizon: int) -> dict[str, dict[str, list[float]]]:
    """What one token of each row counts under each aggregation: d aggregate / d per_token."""
    by_how: dict[str, dict[str, list[float]]] = {how: {} for how in AGGREGATIONS}
    for how, by_batch in by_how.items():
        for batch in batches:
            mask = tensors(batch)["mask"]
            values = torch.zeros(mask.shape, dtype=torch.float64, requires_grad=True)
            (gradient,) = torch.autograd.grad(aggregate(values, mask, how, horizon=horizon), values)
            by_batch[batch["name"]] = gradient.amax(-1).tolist()
    return by_how


def _pieces(batches: list[Inputs], kept: dict[str, Any]) -> dict[str, Any]:
    """What surrounds a loss: estimators, advantages, corrections."""
    critic = kept["gae"]["inputs"]
    c = tensors(critic)
    advantage, returns = advantages.gae(
        c["rewards"], c["values"], c["mask"], gamma=critic["gamma"], lam=critic["lam"]
    )
    estimators: dict[str, Any] = {
        "formula": {
            "k1": "logp - logp_old",
            "k2": "(logp - logp_old)^2 / 2",
            "k3": "exp(d) - d - 1, d = logp_old - logp",
        }
    }
    factors: dict[str, Any] = {
        "formula": "min(c, cap), or c where c <= cap else 0; c = exp(logp_old - logp_rollout) "
        "of the token, or exp of the row's sum; 1 where masked; of the window c where it lies in "
        "[0.5, 5], else 0",
        "cap": 2.0,
    }
    for batch in batches:
        data = tensors(batch)
        logp, old, mask = data["logp"].requires_grad_(), data["logp_old"], data["mask"]
        for name in ("k1", "k2", "k3"):
            value = getattr(divergences, name)(logp, old).where(mask, 0.0)
            estimators.setdefault(name, {})[batch["name"]] = _with_gradient("values", value, logp)
        if batch["name"] in CORRECTED:
            for name, how in BOUNDS.items():
                factor = corrections.truncated_importance(old, data["logp_rollout"], mask, **how)
                factors.setdefault(name, {})[batch["name"]] = factor.tolist()
    return {
        "advantages": _advantages(kept["advantages"]["inputs"]),
        "gae": {
            "inputs": critic,
            "advantages": advantage.tolist(),
            "returns": returns.tolist(),
            "formula": "delta = R + gamma V' - V, A = delta + gamma lam A', ' the row's next "
            "unmasked token; returns = A + V; not whitened, 0 where masked",
        },
        "estimators": estimators,
        "corrections": factors,
    }


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
