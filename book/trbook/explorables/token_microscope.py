"""Token microscope: one recorded batch as text, each token marked by what a method does to it."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Finite, Packed

RUNS = ("ppo", "dppo", "fast")
METHODS = ("ppo", "cispo", "gspo", "dppo_tv", "dppo_kl")


class TokenMicroscope(Packed):
    """One batch of `dial_rare` after 0 to 16 updates, and what a method does to each of its 1,115
    tokens.

    A token is kept (its weight is r A), clipped (0) or scaled (neither). The batch was recorded
    three times, trained with PPO's clip, with DPPO's mask and with PPO's clip at three times the
    learning rate; `trbook.explorables.rare_batch` says how. The method that judges and its
    threshold change nothing of what was recorded.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown run or
            method.
    """

    module = "token_microscope"
    fallback = (
        "Token microscope: a recorded batch as text, each token marked as kept, clipped or scaled "
        "by PPO's clip, CISPO, GSPO or DPPO, with counts by probability. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "words": {"opener": "words", "update": 0},
    }

    run = t.Enum(RUNS, "ppo", help=f"How the policy was trained on the batch: one of {RUNS}.")
    method = t.Enum(METHODS, "ppo", help=f"The method that judges: one of {METHODS}.")
    update = t.CInt(1, help="After how many updates, 0 to 16.")
    token = t.CInt(0, help="Which of the batch's tokens is held, counted from 0.")
    eps_low = Finite(0.2, help="PPO and CISPO: the window below 1, in [0, 1].")
    eps_high = Finite(0.2, help="PPO and CISPO: the window above 1, at least 0.")
    eps_seq = Finite(
        3e-4, help="GSPO: both sides of the window of a completion's ratio, in [0, 1]."
    )
    delta_tv = Finite(0.15, help="DPPO-TV: the radius, a probability in [0, 1].")
    delta_kl = Finite(0.05, help="DPPO-KL: the radius, nats, at least 0.")
