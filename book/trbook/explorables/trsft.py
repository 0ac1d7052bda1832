"""TrSFT: an expert who may be wrong, and what a student learns from it by three ways of
imitation."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite

WAYS = ("sft", "trsft", "reverse")
PLACES = 10


class TrSFT(Explorable):
    """An expert's probabilities of ten answers, of which answer 2 is right, and what a student
    makes of them.

    Each way is descended in expectation over the expert: SFT, the forward KL, with weight 1 on
    every token; TrSFT with min(1, p/α); the reverse KL, which needs the expert's probabilities. A
    student of `any` distribution has ten logits; a `hump` has a middle and a width. Both begin as a
    hump at `start`. Levels mark where TrSFT ends, `trlib.algorithms.trapo.truncated_expert`.

    An α of 0 or above 1 is clamped by the page, which says why.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, an unknown student or
            way, or a number of
        answers other than ten.
    """

    module = "trsft"
    fallback = (
        "TrSFT: an expert's probabilities of ten answers, one of them right, and what a student "
        "learns from it by supervised fine-tuning, by TrSFT and by the reverse KL, with the "
        "weight of each token. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "expert": {
            "opener": "expert",
            "show": ["sft", "trsft"],
            "steps": 0,
            "expert": [0.02, 0.06, 0.25, 0.06, 0.02, 0.03, 0.1, 0.36, 0.08, 0.02],
        },
    }

    student = t.Enum(
        ["any", "hump"], "any", help="A student of any distribution, or of one hump only."
    )
    show = t.List(t.Enum(WAYS), list(WAYS), help=f"The ways drawn: any of {WAYS}.")
    alpha = Finite(0.1, help="TrSFT's α, a probability.")
    steps = t.CInt(30, help="Inner steps, 0 to 300.")
    start = Finite(4.0, help="The middle of the hump that the student begins as, 0 to 9.")
    expert = t.List(
        Finite(),
        [0.02, 0.1, 0.4, 0.1, 0.02, 0.02, 0.06, 0.2, 0.06, 0.02],
        minlen=PLACES,
        maxlen=PLACES,
        help="The expert's probability of each answer.",
    )
