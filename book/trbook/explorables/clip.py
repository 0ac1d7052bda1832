"""Clip: PPO's objective and gradient weight against the ratio, beside dual clip and a KL
penalty."""

from __future__ import annotations

from typing import ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite

METHODS = ("plain", "ppo", "dual", "penalty")


class Clip(Explorable):
    """One token's objective and gradient weight against r = π/π_old, for an advantage of +1 or -1.

    Plain importance weighting, PPO's clip, dual clip (A < 0 only) and a penalty β KL(π_old || π),
    for which all other tokens keep their proportions (see `trlib.algorithms.kl_penalty`).

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown method.
    """

    module: ClassVar[str] = "clip"
    fallback: ClassVar[str] = (
        "Clip: a token's objective and gradient weight against its ratio, for PPO's clip, dual "
        "clip and a KL penalty. It needs JavaScript."
    )

    sign = t.CInt(1, help="Sign of the advantage: 1 or -1.").tag(sync=True)
    show = t.List(
        t.Enum(METHODS), ["plain", "ppo"], help=f"The methods drawn: any of {METHODS}."
    ).tag(sync=True)
    eps_low = Finite(0.2, help="The window below 1, in [0, 1].").tag(sync=True)
    eps_high = Finite(0.2, help="The window above 1, at least 0.").tag(sync=True)
    dual_clip = Finite(3.0, help="Dual clip's c, above 1.").tag(sync=True)
    beta = Finite(1.0, help="The penalty's weight, at least 0.").tag(sync=True)
    old_p = Finite(
        0.25,
        help="The token's old probability: the penalty depends on it, and no ratio exceeds 1/π_old.",
    ).tag(sync=True)
    ratio = Finite(1.5, help="The ratio that is read out.").tag(sync=True)
