"""The two samplers: where runs end by what is added to their advantages, under a stale and a quantised
sampler."""

from __future__ import annotations

from typing import Any

from trbook.explorables.host import Finite, Packed

PUSHES = ("A - 0.1", "A", "A + 0.1", "A + 0.3", "A + 1", "R")
"""The weights of a completion that were recorded, by their labels in the sweep."""


class TwoSamplers(Packed):
    """Accuracy at the end by the number δ in the update (A + δ) log π, for a sampler sixteen updates
    stale and for a fresh one of four bits.

    Points are recorded runs of the sweep `two_samplers`, packed by `pack`; nothing is interpolated.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, or not a finite number.
    """

    module = "two_samplers"
    fallback = (
        "Two samplers: with plain rewards, runs whose samples are sixteen updates stale are stable, and "
        "runs with a four-bit sampler collapse. It needs JavaScript."
    )

    push = Finite(5.0, help=f"Which of the recorded weights, counted from 0: {PUSHES}.")


def pack() -> dict[str, Any]:
    """Of each arm, by sampler: interquartile mean and 95 % interval of its sampled accuracy."""
    from trlab.record import recorded
    from trlab.statistics import interval

    runs = recorded("two_samplers")[0]
    arms: dict[str, Any] = {"pushes": PUSHES}
    for (label, sampler), own in runs[runs["label"].isin(PUSHES)].groupby(["label", "sampler"]):
        end = interval(own["sampled"].tolist())
        arms.setdefault(label, {})[sampler] = [
            round(float(value), 4) for value in (end.value, end.low, end.high)
        ]
    return arms
