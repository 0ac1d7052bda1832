"""Which definition, with which axes, each loss of the vectors belongs to."""

from __future__ import annotations

import math

import torch

from trcheck.conformance import definitions as d
from trcheck.conformance.choices import (
    FORM_CISPO,
    FORM_DPPO,
    FORM_RATIO,
    SIDES,
    SIGN_OR_ADVANTAGES,
    SPACES,
    WEIGHTS,
    dual,
    first,
    number,
    window,
)
from trcheck.conformance.common_bugs import family
from trcheck.conformance.definitions import ANCHOR, CAP, CLAMP, SIGN, Axis, Definition

BOUNDS = (2.0, 3.0, 5.0, 10.0, 20.0)
"""At which an implementation may bound a weight."""


def _ratio_axes(**more: Axis) -> dict[str, Axis]:
    return {"anchor": ANCHOR, "clamp": CAP, "sign": SIGN, **more}


def _ppo(low: float, high: float, limit: float | None = None) -> Definition:
    sides = {
        **SIDES,
        "weight": "detaches the clipped ratio and multiplies log π by it: a clipped token keeps a "
        "gradient",
    }
    axes = _ratio_axes(
        window=window((low, high)),
        dual=dual(limit),
        side=Axis("form", sides),
        space=Axis("window", SPACES),
    )
    return family(d.ppo, axes, clips=True)


def _gspo(low: float, high: float) -> Definition:
    caps = {
        "size": "bounds the row's ratio at e^10 and lets the gradient pass",
        "gradient": "bounds the row's ratio at e^10 and lets no gradient pass beyond",
        None: "does not bound the row's ratio",
    }
    levels = {
        "token": "gives each token the row's ratio and its own gradient",
        "sequence": "differentiates the row's ratio itself: where advantages differ within a row, "
        "each token feels the mean",
        "own": "clips each token's own ratio, not its row's",
    }
    product = "takes the product of a row's ratios, not their geometric mean"
    lengths = {
        "tokens": "takes the geometric mean of a row's ratios",
        "one": product,
        "one, unbounded": product,  # who takes a sum seldom bounds it
        **dict.fromkeys(
            ("width", "width, unbounded"),
            "divides a row's log-ratio by the padded width, not by the number of its tokens",
        ),
    }
    axes = {
        "anchor": ANCHOR,
        "sign": SIGN,
        "window": window((low, high)),
        "cap": Axis("cap", caps, ("gradient", None)),
        "level": Axis("form", levels, ("sequence",)),
        "length": Axis("form", lengths),
        "side": Axis("form", SIDES),
    }
    return family(d.gspo, axes, rows=True, one_a_row=True)


def _cispo(eps_low: float | None, eps_high: float) -> Definition:
    low = number(
        "cap",
        None if eps_low is None else 1 - eps_low,
        (None, 0.7, 0.8, 0.9),
        "holds the weight from below at {:g}",
        {None: "bounds the weight on one side only: nothing holds it from below"},
    )
    high = number(
        "cap",
        1 + eps_high,
        (1.2, 1.28, 1.3, 2.0, 5.0, None),
        "bounds the weight from above at {:g}",
        {
            None: "does not bound the weight from above",
            eps_high: f"takes epsilon for the upper bound itself, {eps_high:g}, not for its "
            "distance from 1",
        },
    )
    axes = _ratio_axes(clamp=CLAMP, low=low, high=high, form=FORM_CISPO, sign=SIGN_OR_ADVANTAGES)
    return family(d.cispo, axes, linear=True)


def _sapo(tau: tuple[float, float]) -> Definition:
    single = tuple(torch.tensor(x, dtype=torch.float32).item() for x in tau)
    words = {
        tau: "",
        single: f"rounds its temperatures to float32 ({single[1]:.11g} for {tau[1]:g})",
        (tau[1], tau[0]): "exchanges the temperatures of positive and negative advantages",
        (1.0, 1.0): "takes 1 for both temperatures",
    }
    scales = {
        "4/tau": "divides by a quarter of the temperature",
        "none": "leaves out the factor 4/tau: at ratio 1 the slope is a quarter of the policy "
        "gradient's",
    }
    axes = _ratio_axes(tau=Axis("window", words), scale=Axis("form", scales))
    return family(d.sapo, axes)


def _gmpo(eps: float) -> Definition:
    closed = {
        "one": "clips the side that the advantage would push further out",
        "both": "clips both sides whatever the advantage's sign",
    }
    levels = {
        "mean": "takes the geometric mean of the ratios",
        "sum": "takes the product of the ratios, not their geometric mean",
    }
    epsilons = {0.0: "adds nothing to the length", 1e-8: "adds 1e-8 to the length"}
    caps = {
        None: "does not bound the row's ratio",
        "size": "keeps the row's log-ratio within ±20 and lets the gradient pass",
    }
    axes = {
        "anchor": ANCHOR,
        "sign": SIGN,
        "cap": Axis("cap", caps, ("size",)),
        "window": window((eps, eps), "log"),
        "epsilon": Axis("epsilon", epsilons),
        "side": Axis("form", closed),
        "level": Axis("form", levels),
    }
    return family(d.gmpo, axes, rows=True)


def _vespo(shape: tuple[float, float, float, float]) -> Definition:
    documented = (2.0, 1.5, 4.0, 2.5)
    shapes = {
        shape: "",
        (*shape[2:], *shape[:2]): "exchanges the shapes of positive and negative advantages",
        documented: "takes the shapes of its authors' docstring, not those of their code",
    }
    floors = {
        -20.0: "clamps the logarithm of a row's product at -20",
        math.log(1e-8): "holds a row's product from below at 1e-8",
    }
    levels = {
        "product": "takes the product of a row's ratios",
        "mean": "takes the geometric mean of a row's ratios, not their product",
        "token": "takes each token's own ratio, not its row's",
    }
    scales = {
        "1": "scales the weight to 1 where the policies agree",
        "none": "leaves out the factor e^lambda: the weight is e^-lambda where the policies agree",
    }

    axes = {
        "anchor": Axis("anchor", first("logp_rollout", ANCHOR.options)),
        "sign": SIGN,
        "shape": Axis("window", shapes),
        "floor": Axis("cap", floors, (math.log(1e-8),)),
        "level": Axis("form", levels),
        "scale": Axis("form", scales),
    }
    return family(d.vespo, axes)


def _dppo(measure: str, delta: float, mask_anchor: str) -> Definition:
    mu, old = "logp_rollout", "logp_old"
    anchors = {
        (mu, mu): "draws its region around the policy that sampled (logp_rollout)",
        (
            old,
            old,
        ): "draws its region around the recomputed old policy and weighs by the ratio to it "
        "(logp_old)",
        (
            old,
            mu,
        ): "draws its region around the recomputed old policy (logp_old), and weighs by the ratio "
        "to the one that sampled",
        (
            mu,
            old,
        ): "draws its region around the policy that sampled, but weighs by the ratio to the "
        "recomputed old policy (logp_old)",
    }
    clamps = {
        "above": "clamps the log-ratio from above at 20",
        "none": "does not clamp the log-ratio",
        "both": "clamps the log-ratio to ±20, from below too",
    }
    outward = {
        "outward": "masks a token only where the update would take it further",
        "both": "masks every token past the threshold, also one on its way back",
        "inward": "masks a token on its way back, and lets one past the threshold go further",
    }
    if measure == "tv":
        other, unit, deltas = "kl", "total variation", (0.05, 0.1, 0.15, 0.2, 0.3)
        instead = "holds its threshold against the binary KL, not the total variation"
    else:
        other, unit, deltas = "tv", "the binary KL", (0.01, 0.02, 0.05, 0.1, 0.2)
        instead = "holds its threshold against the total variation, not the binary KL"
    measures = {
        measure: "",
        other: instead,
        "ratio": "holds its threshold against |ratio - 1|, as PPO does",
    }

    axes = {
        "anchors": Axis("anchor", first((mask_anchor, mu), anchors)),
        "cap": _bound("the importance weight"),
        "clamp": Axis("cap", clamps, ("none", "both")),
        "delta": number(
            "window",
            delta,
            deltas,
            f"takes {{:g}} for its threshold on {unit}",
        ),
        "side": Axis("form", outward),
        "measure": Axis("form", measures),
        "form": FORM_DPPO,
        "sign": SIGN,
    }
    if measure == "kl":
        inside = "adds {} to both masses inside the binary KL's logarithm"
        epsilons = {
            0.0: "computes the binary KL exactly",
            1e-8: inside.format("1e-8"),
            1e-6: inside.format("1e-6"),
        }
        directions = {
            "anchor first": "measures KL(anchor || current)",
            "current first": "measures KL(current || anchor), the other direction",
        }
        axes |= {"epsilon": Axis("epsilon", epsilons), "direction": Axis("form", directions)}
    return family(d.dppo, axes)


def _bound(what: str) -> Axis:
    """An upper bound on an importance weight, which the reference has not."""
    words = {None: f"does not bound {what}"}
    return number("cap", None, BOUNDS, f"bounds {what} at {{:g}}", words)


FAMILIES: dict[str, Definition] = {
    "reinforce": family(
        d.reinforce,
        {"sign": SIGN_OR_ADVANTAGES, "weight": Axis("form", WEIGHTS)},
        linear=True,
        old=False,
    ),
    "pg_is": family(
        d.pg_is,
        _ratio_axes(cap=_bound("the ratio"), form=FORM_RATIO, sign=SIGN_OR_ADVANTAGES),
        linear=True,
    ),
    "ppo": _ppo(0.2, 0.2),
    "ppo_clip_higher": _ppo(0.2, 0.28),
    "ppo_dual_clip": _ppo(0.2, 0.2, 3.0),
    "dr_grpo": _ppo(0.2, 0.2),
    "gspo": _gspo(3e-4, 4e-4),
    "gspo_wide": _gspo(0.2, 0.28),
    "cispo": _cispo(0.2, 0.2),
    "cispo_upper": _cispo(None, 0.28),
    "sapo": _sapo((1.0, 1.05)),
    "gmpo": _gmpo(0.4),
    "dppo_tv": _dppo("tv", 0.15, "logp_rollout"),
    "dppo_kl": _dppo("kl", 0.05, "logp_rollout"),
    "dppo_tv_recomputed": _dppo("tv", 0.15, "logp_old"),
    "dppo_kl_recomputed": _dppo("kl", 0.05, "logp_old"),
    "vespo": _vespo((2.0, 3.0, 3.0, 2.0)),
}
"""Every loss of the vectors by its name. A test holds each base against the reference's numbers."""
