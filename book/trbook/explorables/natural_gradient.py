"""Natural gradient: one step of a parameter, two distances of the policy."""

from __future__ import annotations

from trbook.explorables.host import Explorable, Finite


class NaturalGradient(Explorable):
    """A policy that samples one token, yes or no, and whose logit of yes is its parameter θ: how far the
    same step of θ moves the probability of yes in the middle, and where it is dragged to.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, or not a finite number.
    """

    module = "natural_gradient"
    fallback = (
        "The same step of a parameter at two places, and how far each moves the probability of yes. "
        "It needs JavaScript."
    )

    theta1 = Finite(1.0, help="Where the step begins, in [-6, 6].")
