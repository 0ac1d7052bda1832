"""What implementations of a loss choose among, in plain words: windows, bounds, sides, forms."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from trlab.conformance.definitions import SIGN, WINDOWS, Axis, Free, Option

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
}

SPACES = {
    "ratio": "clips the ratio",
    "log": "clips the log-ratio, not the ratio: the window is e^-low to e^high, not 1 - low to 1 "
    "+ high",
}
DUAL_SIDES = {
    "negative": "applies the dual clip where A < 0",
    "both": "applies the dual clip whatever the sign of A: where A > 0 the loss is constant, and "
    "nothing is learned",
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
CLIPS = {
    "ratio": "clips the ratio at 1 - {:g} and 1 + {:g}",
    "log": "clips the log-ratio at -{:g} and {:g}",
}


def sides(
    given: tuple[float, float], space: str = "ratio", span: tuple[float, float] = (1e-4, 1.0)
) -> tuple[Free, ...]:
    """A window whose lower, upper or both sides may be anything."""

    def words(low: float | None, high: float | None, x: float) -> str:
        return CLIPS[space].format(x if low is None else low, x if high is None else high)

    def option(low: float | None, high: float | None, x: float) -> Option:
        return x if low is None else low, x if high is None else high

    ends = ((given[0], None), (None, given[1]), *(((None, None),) if given[0] == given[1] else ()))
    return tuple(Free("window", partial(option, *end), partial(words, *end), span) for end in ends)


def free(axis: str, words: str, span: tuple[float, float]) -> Free:
    """A single number that may be anything."""
    return Free(axis, lambda x: x, words.format, span)


def window(given: tuple[float, float], space: str = "ratio") -> Axis:
    """A clip's two sides; `given` is the reference's."""
    text = CLIPS[space]
    log_windows = ((0.1, 0.1), (0.2, 0.2), (0.2, 0.28), (0.3, 0.3), (0.4, 0.4), (0.5, 0.5))
    options = WINDOWS if space == "ratio" else log_windows
    words = {w: text.format(*w) for w in dict.fromkeys((given, *options))}
    if space == "ratio":  # one side open: a ratio is never below 0
        words[1.0, given[1]] = f"clips the ratio on one side only, at 1 + {given[1]:g}"
        words[given[0], math.inf] = f"clips the ratio on one side only, at 1 - {given[0]:g}"
    return Axis("window", words)


def cap(base: float | None, what: str) -> Axis:
    """An upper bound on an importance weight."""
    bounds = {
        c: f"bounds {what} at {c:g}" for c in dict.fromkeys((2.0, 3.0, 5.0, 10.0, 20.0, base)) if c
    }
    return Axis("cap", {None: f"does not bound {what}", **bounds})


def first(given: Option, options: dict[Option, str]) -> dict[Option, str]:
    """The options with the reference's before the others."""
    return {given: options[given], **options}


def threshold(given: float, unit: str) -> Axis:
    """DPPO's delta."""
    options = dict.fromkeys(
        (
            given,
            *(
                (0.05, 0.1, 0.15, 0.2, 0.3)
                if unit == "total variation"
                else (0.01, 0.02, 0.05, 0.1, 0.2)
            ),
        )
    )
    return Axis("window", {x: f"takes {x:g} for its threshold on {unit}" for x in options})
