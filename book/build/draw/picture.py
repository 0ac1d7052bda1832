"""The README's picture, from the recorded runs of `benchmarks/dial`:
`python -m book.build.draw.picture`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from book.build.paths import ROOT
from trlab.drawing import COLOURS, look, name_lines

RECORD = ROOT / "benchmarks/dial/history.csv"
TARGET = ROOT / "book/_static/figures/dial.png"
INK, QUIET = "#1b2530", "#566270"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": "#c9d0d6",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}
STALE = (
    ("stale, no trust region", "no trust region", look("pg_is")),
    ("stale, PPO clip .2", "PPO's clip", look("ppo")),
)


def draw(history: pd.DataFrame) -> Any:
    """Left: reward and length of GRPO runs, one update per batch. Right: 32 per batch, with a
    clip and without."""
    plt.rcParams.update(STYLE)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.7), sharey=True, layout="constrained")
    gentle = history[history["cell"] == "gentle, GRPO"]
    band(left, gentle, "reward", look("grpo"), "reward")
    band(
        left,
        gentle.assign(share=gentle["length"] / gentle["length"].max()),
        "share",
        {"color": COLOURS[2], "linestyle": ":"},
        f"length; 1 is {gentle['length'].max():.1f} tokens",
    )
    left.set_title(
        "One update per batch: it learns to think first", loc="left", fontweight="bold", fontsize=11
    )
    for cell, label, style in STALE:
        band(right, history[history["cell"] == cell], "reward", style, label)
    right.set_title(
        "32 updates per batch, with a clip and without", loc="left", fontweight="bold", fontsize=11
    )
    left.set_ylabel("mean of a batch")
    for ax in (left, right):
        ax.set(xlabel="batch", ylim=(0, 1.04))
        ax.margins(x=0)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="#e6eaed", lw=0.8)
        name_lines(ax)
    seeds = gentle["seed"].nunique()
    figure.supxlabel(
        f"Bands: the range of {seeds} seeds", fontsize=9, color=QUIET, x=0.98, ha="right"
    )
    return figure


def band(ax: Any, runs: pd.DataFrame, column: str, style: Mapping[str, Any], label: str) -> None:
    """The mean over seeds, and the range of the seeds around it."""
    by_batch = runs.groupby("batch")[column]
    mean, low, high = by_batch.mean(), by_batch.min(), by_batch.max()
    ax.fill_between(mean.index, low, high, color=style["color"], alpha=0.16, lw=0)
    ax.plot(mean.index, mean, lw=2, label=label, **style)


def main() -> int:
    if not Path(RECORD).exists():
        name = RECORD.relative_to(ROOT)
        print(
            f"picture: {name} is not there; `python benchmarks/dial/run.py` makes it",
            file=sys.stderr,
        )
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    draw(pd.read_csv(RECORD)).savefig(TARGET, dpi=160, metadata={"Software": None})
    print(TARGET.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
