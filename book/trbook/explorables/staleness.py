"""Staleness: the ratios of one recorded batch, update by update, and what a window on them would
clip."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Finite, Packed

RUNS = ("none", "ppo")


class Staleness(Packed):
    """One batch of `dial` that was used for 32 updates: every token's ratio π/μ to the policy that
    sampled it.

    The batch was recorded twice, trained without a region and with PPO's clip at 0.2;
    `trbook.explorables.recording` says how. The window that is dragged only counts: it says which
    tokens it would clip at this update, and changes nothing of what was recorded.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown run.
    """

    module = "staleness"
    fallback = (
        "Staleness: the ratios of a recorded batch's tokens over 32 updates, with a window that "
        "can be dragged, and the reward that the batch promises beside the one that new "
        "completions earn. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "promise": {"opener": "promise", "run": "none", "update": 1},
        "hold": {"opener": "hold", "update": 16},
    }

    run = t.Enum(RUNS, "ppo", help=f"How the policy was trained on the batch: one of {RUNS}.")
    update = t.CInt(4, help="After how many updates, 0 to 32.")
    eps_low = Finite(0.2, help="The window below 1, in [0, 1].")
    eps_high = Finite(0.2, help="The window above 1, at least 0.")
