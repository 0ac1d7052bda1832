"""Which definition, with which axes, each loss of the vectors belongs to."""

from __future__ import annotations

from torch import Tensor

from trlab.conformance import definitions as d
from trlab.conformance.choices import (
    DUAL_SIDES,
    FORM_CISPO,
    FORM_DPPO,
    FORM_RATIO,
    SIDES,
    SIGN_OR_ADVANTAGES,
    SPACES,
    WEIGHTS,
    cap,
    first,
    free,
    sides,
    threshold,
    window,
)
from trlab.conformance.definitions import (
    ANCHOR,
    CLAMP,
    SIGN,
    Axis,
    Family,
    Free,
    Option,
    Rows,
)
from trlab.conformance.slips import slippery


def _ratio_axes(**more: Axis) -> dict[str, Axis]:
    return {"anchor": ANCHOR, "clamp": CLAMP, "sign": SIGN, **more}


def _ppo(low: float, high: float, dual: float | None = None) -> Family:
    duals = dict.fromkeys((dual, None, 2.0, 3.0, 5.0, 10.0))
    words = {
        c: "has no dual clip"
        if c is None
        else f"has a dual clip: where A < 0 the loss is at most {c:g} |A|"
        for c in duals
    }
    side = Axis(
        "form",
        {
            **SIDES,
            "weight": "detaches the clipped ratio and multiplies log π by it: a clipped token "
            "keeps a gradient",
        },
    )
    more = {"dual_side": Axis("cap", DUAL_SIDES)} if dual is not None else {}
    return slippery(
        Family(
            d.ppo,
            _ratio_axes(
                window=window((low, high)),
                dual=Axis("cap", words),
                side=side,
                space=Axis("window", SPACES),
                **more,
            ),
            (
                *sides((low, high)),
                free(
                    "dual", "has a dual clip: where A < 0 the loss is at most {:g} |A|", (1.0, 50.0)
                ),
            ),
        ),
        clips=True,
    )


def _gspo(low: float, high: float) -> Family:
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
    lengths = {
        "tokens": "takes the geometric mean of a row's ratios",
        "one": "takes the product of a row's ratios, not their geometric mean",
        "width": "divides a row's log-ratio by the padded width, not by the number of its tokens",
    }
    return slippery(
        Family(
            d.gspo,
            {
                "anchor": ANCHOR,
                "sign": SIGN,
                "window": window((low, high)),
                "cap": Axis("cap", caps, ("gradient", None)),
                "level": Axis("form", levels, ("sequence",)),
                "length": Axis("form", lengths),
                "side": Axis("form", SIDES),
            },
            sides((low, high), span=(1e-5, 1.0)),
        ),
        rows=True,
        one_a_row=True,
    )


def _cispo(eps_low: float | None, eps_high: float) -> Family:
    low = None if eps_low is None else 1 - eps_low
    lows = {
        x: "bounds the weight on one side only: nothing holds it from below"
        if x is None
        else f"holds the weight from below at {x:g}"
        for x in dict.fromkeys((low, None, 0.7, 0.8, 0.9))
    }
    highs = {
        x: "does not bound the weight from above"
        if x is None
        else f"bounds the weight from above at {x:g}"
        for x in dict.fromkeys((1 + eps_high, 1.2, 1.28, 1.3, 2.0, 5.0, None))
    }
    highs[eps_high] = (
        f"takes epsilon for the upper bound itself, {eps_high:g}, not for its distance from 1"
    )
    return slippery(
        Family(
            d.cispo,
            _ratio_axes(
                low=Axis("cap", lows),
                high=Axis("cap", highs),
                form=FORM_CISPO,
                sign=SIGN_OR_ADVANTAGES,
            ),
            (
                free("low", "holds the weight from below at {:g}", (0.01, 1.0)),
                free("high", "bounds the weight from above at {:g}", (0.1, 50.0)),
            ),
        ),
        linear=True,
    )


def _sapo(tau: tuple[float, float]) -> Family:
    single = tuple(_float32(x) for x in tau)
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
    text = "takes the temperatures {:g} for positive and {:g} for negative advantages"
    return slippery(
        Family(
            d.sapo,
            _ratio_axes(tau=Axis("window", words), scale=Axis("form", scales)),
            (
                Free("tau", lambda x: (x, tau[1]), lambda x: text.format(x, tau[1]), (0.05, 20.0)),
                Free("tau", lambda x: (tau[0], x), lambda x: text.format(tau[0], x), (0.05, 20.0)),
            ),
        )
    )


def _float32(x: float) -> float:
    import torch

    return float(torch.tensor(x, dtype=torch.float32))


def _gmpo(eps: float) -> Family:
    closed = {
        "one": "clips the side that the advantage would push further out",
        "both": "clips both sides whatever the advantage's sign",
    }
    levels = {
        "mean": "takes the geometric mean of the ratios",
        "sum": "takes the product of the ratios, not their geometric mean",
    }
    epsilons = {0.0: "adds nothing to the length", 1e-8: "adds 1e-8 to the length"}
    return slippery(
        Family(
            d.gmpo,
            {
                "anchor": ANCHOR,
                "sign": SIGN,
                "window": window((eps, eps), "log"),
                "epsilon": Axis("epsilon", epsilons),
                "side": Axis("form", closed),
                "level": Axis("form", levels),
            },
            sides((eps, eps), "log", (1e-3, 5.0)),
        ),
        rows=True,
    )


def _pspo(alpha: float) -> Family:
    words = {a: f"gives the old policy the weight {a:g}" for a in (alpha, 0.0, 0.05, 0.2, 0.5)}
    words[round(1 - alpha, 12)] = "exchanges the weights of the old and the current policy"
    return slippery(
        Family(
            d.pspo,
            _ratio_axes(alpha=Axis("window", words), sign=SIGN_OR_ADVANTAGES),
            (free("alpha", "gives the old policy the weight {:g}", (1e-3, 1.0)),),
        ),
        linear=True,
    )


def _dppo(measure: str, delta: float, mask_anchor: str) -> Family:
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
        "outward": "silences a token only where the update would take it further",
        "both": "silences every token past the threshold, also one on its way back",
        "inward": "silences a token on its way back, and lets one past the threshold go further",
    }
    other = (
        {"kl": "holds its threshold against the binary KL, not the total variation"}
        if measure == "tv"
        else {"tv": "holds its threshold against the total variation, not the binary KL"}
    )
    unit = "total variation" if measure == "tv" else "the binary KL"
    axes = {
        "anchors": Axis("anchor", first((mask_anchor, mu), anchors)),
        "cap": cap(None, "the importance weight"),
        "clamp": Axis("cap", clamps, ("none", "both")),
        "delta": threshold(delta, unit),
        "side": Axis("form", outward),
        "measure": Axis(
            "form",
            {measure: "", **other, "ratio": "holds its threshold against |ratio - 1|, as PPO does"},
        ),
        "form": FORM_DPPO,
        "sign": SIGN,
    }

    def distances(rows: Rows) -> Tensor:
        return d.distance(rows[mask_anchor], rows["logp"], measure)[rows["mask"]]

    numbers = (
        Free(
            "delta",
            lambda x: x,
            f"takes {{:g}} for its threshold on {unit}".format,
            (1e-3, 1.0),
            distances,
        ),
        free("cap", "bounds the importance weight at {:g}", (0.5, 100.0)),
    )
    if measure == "kl":
        axes["epsilon"] = Axis(
            "epsilon",
            {
                0.0: "computes the binary KL exactly",
                **{
                    10.0**e: f"adds 1e{e} to both masses inside the binary KL's logarithm"
                    for e in (-8, -6)
                },
            },
        )
        axes["direction"] = Axis(
            "form",
            {
                "anchor first": "measures KL(anchor || current)",
                "current first": "measures KL(current || anchor), the other direction",
            },
        )
    return slippery(Family(d.dppo, axes, numbers))


def _quatro(form: str, delta: float) -> Family:
    forms = {
        "ratio": "multiplies the bracket by the token's ratio",
        "exact": "multiplies the bracket by the completion's ratio",
        "regression": "multiplies the bracket by 1",
    }
    ratios = {
        "sum": "puts the whole completion's log-ratio into the bracket",
        "mean": "puts the mean log-ratio per token into the bracket",
        "token": "puts the token's own log-ratio into the bracket",
    }
    anchors = {
        "logp_rollout": ANCHOR.options["logp_rollout"],
        "logp_old": ANCHOR.options["logp_old"],
    }
    deltas = {x: f"takes {x:g} for its radius" for x in dict.fromkeys((delta, 0.01, 0.05, 0.2))}
    return slippery(
        Family(
            d.quatro,
            {
                "form": Axis("form", first(form, forms)),
                "ratio": Axis("form", ratios),
                "anchor": Axis("anchor", anchors),
                "delta": Axis("window", deltas),
                "sign": SIGN,
            },
            (free("delta", "takes {:g} for its radius", (1e-3, 1.0)),),
        ),
        advantages=False,
    )


def _trsft(alpha: float) -> Family:
    words: dict[Option, str] = {
        a: f"fades the push below a probability of {a:g}"
        for a in dict.fromkeys((alpha, 0.01, 0.05, 0.2, 0.5))
    }
    words[None] = "is plain supervised fine-tuning: nothing fades"
    forms = {
        "ratio": "writes -p / sg[max(p, alpha)]",
        "log": "writes -sg[weight] log π: the same gradient, another value",
    }
    return slippery(
        Family(
            d.trsft,
            {"alpha": Axis("window", words), "form": Axis("form", forms, ("log",)), "sign": SIGN},
            (free("alpha", "fades the push below a probability of {:g}", (1e-3, 1.0)),),
        ),
        advantages=False,
        old=False,
    )


FAMILIES: dict[str, Family] = {
    "reinforce": slippery(
        Family(
            d.reinforce,
            {"sign": SIGN_OR_ADVANTAGES, "weight": Axis("form", WEIGHTS)},
        ),
        linear=True,
        old=False,
    ),
    "pg_is": slippery(
        Family(
            d.pg_is,
            _ratio_axes(cap=cap(None, "the ratio"), form=FORM_RATIO, sign=SIGN_OR_ADVANTAGES),
            (free("cap", "bounds the ratio at {:g}", (0.5, 100.0)),),
        ),
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
    "pspo": _pspo(0.1),
    "dppo_tv": _dppo("tv", 0.15, "logp_rollout"),
    "dppo_kl": _dppo("kl", 0.05, "logp_rollout"),
    "dppo_tv_recomputed": _dppo("tv", 0.15, "logp_old"),
    "dppo_kl_recomputed": _dppo("kl", 0.05, "logp_old"),
    "quatro": _quatro("ratio", 0.1),
    "quatro_exact": _quatro("exact", 0.1),
    "quatro_regression": _quatro("regression", 0.1),
    "trsft": _trsft(0.1),
}
"""Every loss of the vectors by its name. A test holds each base against the reference's numbers."""
