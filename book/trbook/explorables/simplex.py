"""Simplex: trust regions around a policy over three tokens, all of one radius."""

from __future__ import annotations

import traitlets as t

from trbook.explorables.host import Explorable, Finite

REGIONS = ("kl", "chi2", "fisher", "tv", "ratio", "wasserstein")


class Simplex(Explorable):
    """The triangle of policies over three tokens, and the regions around an old policy that a
    radius δ belongs to.

    With r = new/old and ρ = √(2δ): KL <= δ in either direction, χ²(new || old) <= 2δ, the Fisher
    form of the logits ½ Var_old(log r) <= δ, TV <= ρ/2, |r - 1| <= ρ for every token, and
    Wasserstein <= ρ/2 with the tokens on a line at 0, 1, 2. χ² and Fisher are the KL's second
    order; box, χ² and TV bound the maximum, the root mean square and the mean of |r - 1|, so each
    lies in the next; by Pinsker's inequality the TV ball contains both KL balls.

    A policy that is impossible (a probability of 0) is clamped by the page, which says why.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown region.
    """

    module = "simplex"
    fallback = (
        "Simplex: the triangle of policies over three tokens, with the KL, chi-square, Fisher, "
        "total-variation and Wasserstein balls and the ratio box around an old policy. It needs "
        "JavaScript."
    )

    old = t.List(
        Finite(),
        [0.6, 0.3, 0.1],
        minlen=3,
        maxlen=3,
        help="The old policy, the middle of every region.",
    )
    new = t.List(
        Finite(),
        [0.45, 0.38, 0.17],
        minlen=3,
        maxlen=3,
        help="The policy whose distances are read.",
    )
    delta = Finite(0.08, help="The radius δ of the KL, nats; every other radius belongs to it.")
    direction = t.Enum(
        ["old_new", "new_old", "both"],
        "old_new",
        help="Which KL: KL(old || new), KL(new || old) or both.",
    )
    show = t.List(
        t.Enum(REGIONS), ["kl", "tv", "ratio"], help=f"The regions drawn: any of {REGIONS}."
    )
    view = t.Enum(
        ["whole", "close"], "whole", help="The whole triangle, or what is shown, enlarged."
    )
