"""A figure of methods on several kinds of data: where they end against what a batch did to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trlab.drawing.figure import INK, LEGEND, Drawing, look, panels
from trlab.drawing.strokes import cross, plainly, ruled, styles
from trlib.evaluation import Estimate

DATA = {
    "again": "reused: 16 prompts, 16 times",
    "larger": "reused, of a larger batch",
    "parts": "split: every part once",
    "new": "fresh: a batch for each update",
}
"""What an update fits, and what a legend calls it."""


@dataclass(frozen=True)
class Arm:
    """One method on one kind of data, over its learning rates."""

    method: str
    data: str
    """One of `DATA`."""
    points: Sequence[tuple[Estimate, Estimate]]
    """What stands to the right and what stands up, rate by rate."""


def against(arms: Sequence[Arm], *, across: str, measure: str, logarithmic: bool = True) -> Drawing:
    """Ends against what a batch did, with 95 % intervals: colours say what an update fits, shapes
    say the method, thin lines join a method's learning rates on the same data.

    Raises:
        ValueError: no arms, or data that are none of `DATA`.
    """
    if not arms:
        raise ValueError("arms: expected at least one, got none")
    figure, (ax,) = panels(height=4.8)
    looks = styles(dict.fromkeys(arm.method for arm in arms))
    for arm in arms:
        colour, marker = _hue_of(arm.data), looks[arm.method]["marker"]
        ax.plot(
            [x.value for x, _ in arm.points],
            [y.value for _, y in arm.points],
            color=colour,
            lw=0.8,
            alpha=0.5,
        )
        for x, y in arm.points:
            cross(ax, x, y, colour, marker, width=0.8, alpha=0.5, size=5.5)
    for data in (data for data in DATA if data in {arm.data for arm in arms}):
        ax.plot([], [], color=_hue_of(data), linewidth=4, label=DATA[data])
    for method, style in looks.items():
        ax.plot([], [], marker=style["marker"], color=INK, linestyle="", label=method)
    if logarithmic:
        ax.set_xscale("log")
        plainly(ax.xaxis)
    ax.set_xlabel(across)
    ax.set_ylabel(measure)
    ruled(ax)
    figure.legend(
        *ax.get_legend_handles_labels(), **{**LEGEND, "loc": "outside lower center", "ncols": 2}
    )
    said = "; ".join(
        f"{arm.method}, {DATA[arm.data]}: "
        + ", ".join(f"{y.value:.2f} at {x.value:.2g}" for x, y in arm.points)
        for arm in arms
    )
    return Drawing(figure, f"{measure[0].upper()}{measure[1:]} against {across}. {said}.")


def _hue_of(data: str) -> str:
    """Reused data have the hue of the unclipped run, which dies of them."""
    keys = {"again": "pg_is", "larger": "larger", "parts": "split", "new": "fresh"}
    return str(look(keys[data])["color"])


def data_of(train: Mapping[str, object]) -> str:
    """Which of `DATA` a run's arguments mean, where its smallest batch has 16 prompts with 8
    completions each."""
    if train.get("epochs", 1) == 1:
        return "parts" if train.get("minibatches", 1) != 1 else "new"
    return "again" if (train.get("prompts", 16), train.get("group", 8)) == (16, 8) else "larger"
