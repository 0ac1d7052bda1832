"""A figure of methods on several kinds of data: where they end against what a batch did to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trlab.drawing.figure import INK, LEGEND, Drawing, look, panels
from trlab.drawing.strokes import cross, plainly, ruled, styles
from trlib.evaluation import Estimate

DATA = {
    "again": "reused: 16 prompts, 16 times",
    "larger": "reused: 16 prompts x 16, or 64 prompts",
    "largest": "reused: 256 prompts, 16 times",
    "parts": "split: 256 prompts, every part once",
    "new": "fresh: a batch for each update",
}
"""What an update fits, and what a legend calls it."""
HOLDS = {
    "16": ("16 prompts", "pg_is"),
    "64": ("64 prompts", "larger"),
    "256": ("256 prompts", "largest"),
    "same 16": ("16 prompts, 16 times as many completions each", "split"),
}
"""What a batch holds, what a legend calls it, and whose hue it has."""
FITTED = {"1": ("fitted once", "P"), "4": ("fitted 4 times", "^"), "16": ("fitted 16 times", "o")}
"""How often a completion is fitted, what a legend calls it, and its mark."""

REGIONS = {
    "none": ("no region", "pg_is"),
    "clip": ("PPO's clip", "ppo"),
    "DPPO": ("DPPO's mask", "dppo"),
    "TROLL": ("TROLL", "troll"),
}
AGES = {"16": ("16 updates old", "o"), "64": ("64 updates old", "^")}
"""A region, and how old completions are, in the same way."""
PUSHES = {
    "R": ("plain rewards", "o"),
    "A": ("less their group's mean", "^"),
    "2R-1": ("1 and −1", "P"),
}
PUSHED = {
    "R log": ("none", "R"),
    "A log": ("none", "A"),
    "1 and -1 log": ("none", "2R-1"),
    "clip on R": ("clip", "R"),
    "clip": ("clip", "A"),
}
"""How rewards push, in the same way, and an arm's region and push by its label."""


@dataclass(frozen=True)
class Arm:
    """One method on one kind of data, over its learning rates."""

    method: str
    data: str
    """One of `DATA`, `HOLDS` or `REGIONS`."""
    points: Sequence[tuple[Estimate, Estimate]]
    """x and y, rate by rate."""


def against(
    arms: Sequence[Arm],
    *,
    across: str,
    measure: str,
) -> Drawing:
    """Ends against what a batch did, with 95 % intervals: colours say what an update fits, shapes
    say the method, thin lines join a method's learning rates on the same data.

    Raises:
        ValueError: no arms, or data that are none of `DATA`.
    """
    looks = styles(dict.fromkeys(arm.method for arm in arms))
    return _drawn(
        arms,
        across,
        measure,
        hues={data: (words, _hue_of(data)) for data, words in DATA.items()},
        marks={method: (method, str(style["marker"])) for method, style in looks.items()},
    )


def crossed(arms: Sequence[Arm], *, across: str, measure: str) -> Drawing:
    """Ends against how far a batch went, with 95 % intervals: colours say what a batch holds (one
    of `HOLDS`) and shapes how often it is fitted (one of `FITTED`), or colours the region
    (`REGIONS`) and shapes the age or the push (`AGES`, `PUSHES`); thin lines join an arm's distances.

    Raises:
        ValueError: no arms.
    """
    held = bool(arms) and arms[0].data in REGIONS
    colours, marks = (REGIONS, {**AGES, **PUSHES}) if held else (HOLDS, FITTED)
    hues = {key: (words, str(look(hue)["color"])) for key, (words, hue) in colours.items()}
    return _drawn(arms, across, measure, hues=hues, marks=marks)


def _drawn(
    arms: Sequence[Arm],
    across: str,
    measure: str,
    *,
    hues: Mapping[str, tuple[str, str]],
    marks: Mapping[str, tuple[str, str]],
) -> Drawing:
    """Arms as points: `hues` and `marks` say what a legend calls data and methods, and how they
    look."""
    if not arms:
        raise ValueError("arms: expected at least one, got none")
    figure, (ax,) = panels(height=4.8)
    for arm in arms:
        colour, marker = hues[arm.data][1], marks[arm.method][1]
        ax.plot(
            [x.value for x, _ in arm.points],
            [y.value for _, y in arm.points],
            color=colour,
            lw=0.8,
            alpha=0.5,
        )
        for x, y in arm.points:
            cross(ax, x, y, colour, marker, width=0.8, alpha=0.5, size=5.5)
    for data, (words, hue) in hues.items():
        if data in {arm.data for arm in arms}:
            ax.plot([], [], color=hue, linewidth=4, label=words)
    for method, (words, marker) in marks.items():
        if method in {arm.method for arm in arms}:
            ax.plot([], [], marker=marker, color=INK, linestyle="", label=words)
    ax.set_xscale("log")
    plainly(ax.xaxis)
    ax.set_xlabel(across)
    ax.set_ylabel(measure)
    ruled(ax)
    figure.legend(
        *ax.get_legend_handles_labels(), **{**LEGEND, "loc": "outside lower center", "ncols": 2}
    )
    said = "; ".join(
        f"{marks[arm.method][0]}, {hues[arm.data][0]}: "
        + ", ".join(f"{y.value:.2f} at {x.value:.2g}" for x, y in arm.points)
        for arm in arms
    )
    return Drawing(figure, f"{measure[0].upper()}{measure[1:]} against {across}. {said}.")


def _hue_of(data: str) -> str:
    """Reused data have the hue of the unclipped run, which collapses on reused data."""
    keys = {
        "again": "pg_is",
        "larger": "larger",
        "largest": "largest",
        "parts": "split",
        "new": "fresh",
    }
    return str(look(keys[data])["color"])


def data_of(train: Mapping[str, object]) -> str:
    """Which of `DATA` a run's arguments mean, where its smallest batch has 16 prompts with 8
    completions each."""
    if train.get("epochs", 1) == 1:
        return "parts" if train.get("minibatches", 1) != 1 else "new"
    prompts, group = train.get("prompts", 16), train.get("group", 8)
    if group == 8 and prompts in (16, 256):
        return "again" if prompts == 16 else "largest"
    return "larger"
