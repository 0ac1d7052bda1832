"""Unifier: one bandit, every distance, one radius; the exact optimum of each beside the old
policy."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite

DISTANCES = (
    "kl_new_old",
    "kl_old_new",
    "target",
    "fisher",
    "chi2",
    "euclid",
    "tv",
    "wasserstein",
    "entropic",
    "ratio",
    "ppo",
)
COSTS = ("line", "one")


class Unifier(Explorable):
    """max_π E_π[R]  s.t.  distance(π, old) <= radius, for a bandit of 5 to 7 arms, solved exactly
    for every distance.

    With r = π/old: KL(π || old) tilts exponentially, KL(old || π) gives r = λ/(ν - R), χ² a
    straight line cut at 0, TV moves mass from the worst arms to the best, the box |r - 1| <= ε is
    bang-bang, Wasserstein moves mass where a place gains most (arms on a line at 0, 1, 2, ...;
    where the transport cost is 1 everywhere it is TV), Euclid is a straight line in π - old.
    `fisher` is the natural gradient's step, ½ Var_old(log r) <= δ with the gain taken to first
    order. Every radius belongs to one δ as in `Simplex`; Euclid's is √(2δ/arms), that of χ² around
    a uniform policy.

    `entropic` is the Sinkhorn distance, transport at cost d less its entropy over λ: every arm's
    share spreads by softmax((λ/β)(R - β d)). Two cards ask a different question. `target` is the
    least KL(π || old) with a given return. `ppo` is, of all policies at the maximum of PPO's
    clipped objective, the one that gains most: it need not lie in the box.

    What is impossible (a probability of 0) is clamped by the page, which says why. A radius beyond
    what can be used puts all mass on the best arm, and the multiplier is 0.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, an unknown distance or
            price, fewer than 5 arms or more than 7.
    """

    module = "unifier"
    fallback = (
        "Unifier: a bandit's rewards and old policy, and the policy that gains most within one "
        "radius of KL, chi-square, total variation, the ratio box, Wasserstein and others. It "
        "needs JavaScript."
    )
    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "constraints": {
            "distance": "target",
            "target": 0.6,
            "balls": ["kl_new_old", "target", "ratio"],
        },
        "regression": {"balls": ["kl_new_old", "kl_old_new", "chi2"]},
        "transport": {"distance": "wasserstein", "balls": ["tv", "wasserstein", "entropic"]},
    }

    distance = t.Enum(
        DISTANCES, "kl_new_old", help=f"The distance that is drawn large: one of {DISTANCES}."
    )
    balls = t.List(
        t.Enum(DISTANCES),
        ["kl_new_old", "tv", "ratio"],
        minlen=1,
        help="The distances that stand side by side; the others open on demand.",
    )
    delta = Finite(0.125, help="The radius δ of the KL, nats; every other radius belongs to it.")
    target = Finite(0.7, help="The return that `target` asks for, in place of a radius.")
    lam = Finite(5.0, help="λ of `entropic`, per place: the larger, the closer to Wasserstein.")
    cost = t.Enum(
        COSTS,
        "line",
        help="The transport cost between two arms: `line`, the places between; `one`, 1.",
    )
    rewards = t.List(
        Finite(),
        [0.2, 0.5, 0.05, 0.65, 0.35, 1.0],
        minlen=5,
        maxlen=7,
        help="Each arm's reward, from 0 to 1.",
    )
    old = t.List(
        Finite(), [0.25, 0.2, 0.2, 0.15, 0.12, 0.08], minlen=5, maxlen=7, help="The old policy."
    )
