"""Clip: PPO's objective and gradient weight against the ratio, beside those of other methods."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite

METHODS = (
    "plain",
    "ppo",
    "dual",
    "penalty",
    "reinforce",
    "gspo",
    "cispo",
    "sapo",
    "gmpo",
    "pspo",
    "dppo_tv",
    "dppo_kl",
    "quatro",
    "pg_is",  # plain, dual and penalty by other names
    "dual_clip",
    "kl_penalty",
)


class Clip(Explorable):
    """One token's objective and gradient weight w = -dL/dlog π against r = π/π_old, for an advantage
    of +1 or -1; up to four methods at once.

    Plain importance weighting, PPO's clip, dual clip (A < 0 only) and a penalty β KL(π_old || π),
    for which all other tokens keep their proportions (see `trlib.algorithms.kl_penalty`), have an
    objective to draw; the others open on demand and have a weight. The token is its whole
    completion, so that the ratio of a sequence (GSPO, GMPO, QUATRO) is the token's own. QUATRO is
    derived here: w = r (A - λ log r).

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown method.
    """

    module = "clip"
    fallback = (
        "Clip: a token's objective and gradient weight against its ratio, for PPO's clip, dual "
        "clip and a KL penalty. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "children": {"show": ["ppo", "cispo", "sapo", "pspo"], "old_p": 0.2}
    }

    sign = t.CInt(1, help="Sign of the advantage: 1 or -1.")
    show = t.List(
        t.Enum(METHODS), ["plain", "ppo"], help=f"The methods drawn, at most four of {METHODS}."
    )
    old_p = Finite(
        0.25,
        help="The token's old probability, in (0, 1): no ratio exceeds 1/π_old.",
    )
    ratio = Finite(1.5, help="The ratio that is read out.")
    eps_low = Finite(0.2, help="PPO, dual clip, CISPO: the window below 1, in [0, 1].")
    eps_high = Finite(0.2, help="PPO, dual clip, CISPO: the window above 1, at least 0.")
    dual_clip = Finite(3.0, help="Dual clip's c, above 1.")
    beta = Finite(1.0, help="The KL penalty's weight, at least 0.")
    eps_seq = Finite(4e-4, help="GSPO: the window on both sides of 1, in [0, 1].")
    tau_pos = Finite(1.0, help="SAPO's temperature where A > 0.")
    tau_neg = Finite(1.05, help="SAPO's temperature where A < 0.")
    eps_log = Finite(0.4, help="GMPO: the window of the log-ratio around 0, nats.")
    alpha = Finite(0.1, help="PSPO: the old policy's share, in [0, 1).")
    delta_tv = Finite(0.15, help="DPPO-TV: the radius, a probability in [0, 1].")
    delta_kl = Finite(0.05, help="DPPO-KL: the radius, nats, at least 0.")
    multiplier = Finite(1.0, help="QUATRO's λ, reward per nat, at least 0.")
