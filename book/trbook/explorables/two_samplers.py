"""The two samplers: where runs end by what is added to their advantages, under a stale and a quantised
sampler."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Finite, Packed

PUSHES = ("A - 0.1", "A", "A + 0.1", "A + 0.3", "A + 1", "R")
"""The weights of a completion that were recorded, by their labels in the sweep."""
MEASURES = ("sampled", "greedy")


class TwoSamplers(Packed):
    """Accuracy at the end by the number δ in the update (A + δ) log π, for a sampler sixteen updates
    stale and for a fresh one of four bits; and the same with the update centered, where that was run.

    Points are recorded runs of the sweep `two_samplers`, packed by `pack`; nothing is interpolated.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, or no measure of these.
    """

    module = "two_samplers"
    fallback = (
        "Two samplers: with plain rewards, runs whose samples are sixteen updates stale are stable, and "
        "runs with a four-bit sampler collapse; a switch centers the update. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "cross": {"opener": "cross"},
    }

    push = Finite(5.0, help=f"Which of the recorded weights, counted from 0: {PUSHES}.")
    center = t.Bool(False, help="Whether the mean update of every token is taken away.")
    measure = t.Enum(MEASURES, "sampled", help=f"The accuracy drawn: one of {MEASURES}.")


def pack() -> dict[str, Any]:
    """Of each arm, by sampler and measure: interquartile mean and 95 % interval."""
    from trlab.record import recorded
    from trlab.statistics import interval

    runs = recorded("two_samplers")[0]
    arms: dict[str, Any] = {"pushes": PUSHES}
    for (label, sampler), own in runs.groupby(["label", "sampler"]):
        ends = {name: interval(own[name].tolist()) for name in MEASURES}
        arms.setdefault(label, {})[sampler] = {
            name: [round(float(value), 4) for value in (end.value, end.low, end.high)]
            for name, end in ends.items()
        }
    return arms
