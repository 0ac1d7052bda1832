"""GAE: bias and variance of an advantage estimate against λ, on a chain whose values are known."""

from __future__ import annotations

import re

import traitlets as t

from trbook.explorables.host import Explorable, Finite

CURVES = ("bias", "scatter", "error")


class GAE(Explorable):
    """A text of six tokens that begins right: each token goes wrong with probability 0.15 and
    repairs a wrong text with probability 0.05; the reward is 1 if the text ends right.

    How much better does a right first token look than a wrong one, by `trlib.advantages.gae` with a
    critic of known error? Its mean and its scatter are exact, over all 64 texts.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, an unknown curve, or
            no text.
    """

    module = "gae"
    fallback = (
        "GAE: a chain of right and wrong states with exact values, the TD errors of one text, "
        "and the bias and scatter of the advantage estimate against λ. It needs JavaScript."
    )

    lam = Finite(0.95, help="λ, in [0, 1].")
    gamma = Finite(1.0, help="The discount, in [0, 1].")
    miss = Finite(
        0.5,
        help="κ: the share of the difference between right and wrong that the critic misses, in "
        "[0, 2].",
    )
    noise = Finite(0.1, help="σ: the standard deviation of the noise on every token's reward.")
    pairs = Finite(16, help="n: texts averaged, of either first token.")
    text = t.Unicode("rrwwww", help="The text that is drawn: r or w after each of the six tokens.")
    show = t.List(t.Enum(CURVES), list(CURVES), help=f"The curves drawn: any of {CURVES}.")

    @t.validate("text")
    def _text(self, proposal: t.Bunch) -> str:
        if not re.fullmatch("[rw]{6}", proposal.value):
            raise t.TraitError(f"text: expected six letters r or w, got {proposal.value!r}")
        return str(proposal.value)
