"""Survival: what a stale batch of long completions is worth to each correction, exactly."""

from __future__ import annotations

from typing import ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite
from trbook.horizon import METHODS


class Survival(Explorable):
    """How many fresh completions a stale batch is worth, over the horizon and over the batch's
    size.

    A relay small enough to sum: the first token decides the others, and most tokens are free
    choices that decide nothing. The formulas are those of `trbook.horizon`.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown
            correction.
    """

    module: ClassVar[str] = "survival"
    fallback: ClassVar[str] = (
        "Survival: how many fresh completions a stale batch of long ones is worth to each "
        "correction, with sliders for horizon, staleness, precision and the batch. It needs "
        "JavaScript."
    )

    safe = Finite(1.0, help="The reward of a turn, the sure way: 1 or 0.5.").tag(sync=True)
    show = t.List(
        t.Enum(METHODS),
        ["tis", "prefix", "sequence", "sequence_tis"],
        help=f"The corrections drawn, at most five of {METHODS}.",
    ).tag(sync=True)
    horizon = Finite(256.0, help="Tokens of a completion, an even number from 4 to 4096.").tag(
        sync=True
    )
    versions = Finite(4.0, help="Versions between the sampler and the learner, 0 to 16.").tag(
        sync=True
    )
    noise = Finite(
        0.0, help="Spread of the log-ratio that rounding makes per token, 0 to 0.1 nats."
    ).tag(sync=True)
    completions = Finite(64.0, help="Completions of a batch, at least 1.").tag(sync=True)
