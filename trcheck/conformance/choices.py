"""What implementations of a loss choose among, in plain words: windows, bounds, sides, forms."""

from __future__ import annotations

import math
from dataclasses import replace

from trcheck.conformance.definitions import SIGN, Axis, Option

SIGN_OR_ADVANTAGES = Axis(
    "sign",
    {
        **SIGN.options,
        -1: "has the opposite sign, or negates the advantages: descending it lowers what has A > 0",
    },
)
"""Of a loss that is linear in A, where the two are one."""
SIDES = {
    "min": "takes the smaller of the two surrogates",
    "max": "takes the larger of the two surrogates: max for min",
    "both": "takes the clipped ratio without the minimum: no gradient outside the window on "
    "either side",
    "unsigned": "takes the smaller of the two ratios before it multiplies by the advantage: where "
    "A < 0 the wrong side is clipped",
    "bare": "forgets the advantage in the clipped term",
}

SPACES = {
    "ratio": "clips the ratio",
    "log": "clips the log-ratio, not the ratio: the window is e^-low to e^high, not 1 - low to 1 "
    "+ high",
}
FORM_RATIO = Axis(
    "form",
    {
        "ratio": "writes -r A: the same gradient, another value",
        "log": "writes -sg[weight] A log π: the same gradient, another value",
    },
    same_gradient=("log",),
)
FORM_LOG = Axis(
    "form",
    {
        "log": "writes -sg[weight] A log π: the same gradient where the weight is not bounded",
        "ratio": "differentiates the bounded weight itself: where the bound holds, there is no "
        "gradient",
    },
)
FORM_CISPO = replace(
    FORM_LOG,
    options={
        **FORM_LOG.options,
        "r": "puts the ratio in the place of log π: every push is multiplied by it once more",
        "product": "forgets the stop-gradient: the bounded ratio is differentiated beside the log "
        "π that it weighs",
    },
)
FORM_DPPO = Axis(
    "form",
    {
        "log": "writes -sg[r] A log π",
        "ratio": "writes -r A for -sg[r] A log π: another value, the same gradient where nothing "
        "bounds r",
    },
    same_gradient=("ratio",),
)

WEIGHTS = {
    None: "has no ratio",
    "logp_old": "weighs by the ratio to the recomputed old policy (logp_old)",
    "logp_rollout": "weighs by the ratio to the policy that sampled (logp_rollout)",
}
WINDOWS = {
    "ratio": (0.1, 0.2, 0.25, 0.28, 0.3, 0.4),
    "log": (0.1, 0.2, 0.28, 0.3, 0.4, 0.5),
}
CLIPS = {
    "ratio": "clips the ratio at 1 - {:g} and 1 + {:g}",
    "log": "clips the log-ratio at -{:g} and {:g}",
}


def number(
    point: str,
    given: float | None,
    others: tuple[float | None, ...],
    words: str,
    sentences: dict[Option, str] | None = None,
) -> Axis:
    """An axis that is a number: the reference's, and others that are common. `sentences`: what to
    say of options to which `words` do not apply."""
    sentences = sentences or {}
    options: dict[Option, str] = {
        x: sentences[x] if x in sentences else words.format(x) for x in (given, *others)
    }
    return Axis(point, options | sentences)


def dual(given: float | None) -> Axis:
    """The second clip of PPO: at how many times |A|, or where it acts on both signs (the number, "both
    signs")."""
    options: dict[Option, str] = {None: "has no dual clip"}
    for bound in (2.0, 3.0, 5.0, 10.0):
        options[bound] = f"has a dual clip: where A < 0 the loss is at most {bound:g} |A|"
        options[bound, "both signs"] = (
            f"applies the dual clip at {bound:g} |A| whatever the sign of A: where A > 0 the loss "
            "is constant, and nothing is learned"
        )
    return Axis("cap", first(given, options))


def window(given: tuple[float, float], space: str = "ratio") -> Axis:
    """A clip's two sides, `given` the reference's; the lower, the upper or both may be another
    common number."""
    low, high = given
    usual = [pair for x in WINDOWS[space] for pair in ((x, x), (low, x), (x, high))]
    windows = (given, (high, low), *usual)
    options: dict[Option, str] = {w: CLIPS[space].format(*w) for w in windows}
    if space == "ratio":  # one side open: a ratio is never below 0
        options[1.0, high] = f"clips the ratio on one side only, at 1 + {high:g}"
        options[low, math.inf] = f"clips the ratio on one side only, at 1 - {low:g}"
    return Axis("window", options)


def first(given: Option, options: dict[Option, str]) -> dict[Option, str]:
    """The options with the reference's before the others."""
    return {given: options[given], **options}
