"""Vocabulary step: one softmax, one sampled word, many inner steps, every method side by side."""

from __future__ import annotations

import traitlets as t

from trbook.explorables.host import Explorable, Finite

STARTS = ("rare", "first", "place")
METHODS = (
    "pg_is",
    "ppo",
    "clip_higher",
    "cispo",
    "gspo",
    "sapo",
    "gmpo",
    "pspo",
    "dppo_tv",
    "dppo_kl",
    "dppo_topk",
    "dppo_full",
    "quatro",
    "troll",
)


class VocabularyStep(Explorable):
    """The distribution of one token of `dial` before and after inner steps on one sampled word.

    Nine words keep their names, all others are one. A step is plain gradient descent on the logits,
    z <- z - lr dL/dz, with dL/dz_v = -w (1{v = y} - π_v) for every method that weighs the sampled
    word y alone, and TROLL's gradient through the whole distribution. The region is drawn around
    the distribution before the first step. One word is a whole completion here, so that GSPO's,
    GMPO's and QUATRO's ratio of a completion is the word's; QUATRO is derived here: w = r (A - λ
    log r).

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown start or
            method.
    """

    module = "vocabulary_step"
    fallback = (
        "Vocabulary step: the probabilities of ten words of dial before and after inner steps on "
        "one sampled word, and where each of fourteen methods stops. It needs JavaScript."
    )

    start = t.Enum(
        STARTS,
        "rare",
        help="The distribution before the first step: of a first word by `dial_rare` or by "
        "`dial`, or of a place.",
    )
    method = t.Enum(METHODS, "dppo_tv", help="Whose bars are drawn.")
    token = t.CInt(
        7,
        help="Which of the ten words was sampled: 0 is the most likely, 9 are all others together.",
    )
    sign = t.CInt(1, help="Sign of the advantage: 1 or -1.")
    size = Finite(1.0, help="Size of the advantage, above 0.")
    steps = t.CInt(16, help="Inner steps, 0 to 64.")
    lr = Finite(0.1, help="Learning rate of the logits, above 0.")
    k = t.CInt(3, help="Words that DPPO's top-k sees, 1 to 10.")
    delta_tv = Finite(0.15, help="Radius of DPPO by total variation, a probability in [0, 1].")
    delta_kl = Finite(0.05, help="Radius of DPPO by KL and of TROLL, nats, at least 0.")
    max_ratio = Finite(
        10_000.0, help="C, the cap on DPPO's weight, at least 1; the authors' 10,000 is off."
    )
    view = t.Enum(["log", "linear"], "log", help="The scale of the probabilities.")
