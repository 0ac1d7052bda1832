"""The picture that a shared link to the book shows, from the runs of `benchmarks/dial`: `python -m
tools.draw.share`."""

from __future__ import annotations

import io
import sys
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image

from tools.draw.picture import QUIET, RECORD, STALE, STYLE, band
from tools.paths import ROOT

TARGET = ROOT / "book/_static/figures/share.png"
PAPER = "#f7f8f8"
DPI = 100
COLOURS = 96
"""Enough for four hues with soft edges, at a third of the bytes."""
SIZE = (12.0, 6.3)
"""Inches: 1200 x 630 pixels, the shape that links are shown in."""


def draw(history: pd.DataFrame) -> Any:
    """The book's name, its question, and one comparison: 32 updates per batch, with a clip and
    without."""
    with plt.rc_context({**STYLE, "font.size": 15}):
        figure = plt.figure(figsize=SIZE, facecolor=PAPER)
        figure.text(0.05, 0.86, "Trust Regions for", fontsize=31, fontweight="bold", va="top")
        figure.text(0.05, 0.74, "Language Models", fontsize=31, fontweight="bold", va="top")
        figure.text(
            0.05,
            0.55,
            "How far may one\nupdate go?",
            fontsize=23,
            color=QUIET,
            va="top",
            linespacing=1.35,
        )
        figure.text(
            0.05,
            0.12,
            "A book that runs: TRPO, PPO, GRPO,\nGSPO, DPPO, QUATRO, TROLL and\ntheir relatives, "
            "in your browser",
            fontsize=15,
            color=QUIET,
            linespacing=1.5,
        )
        ax = figure.add_axes((0.55, 0.17, 0.41, 0.66), facecolor=PAPER)
        for cell, label, style in STALE:
            runs = history[history["cell"] == cell]
            band(ax, runs, "reward", style, label)
            ax.lines[-1].set_linewidth(3.5)
            # Above the upper band, below the lower one.
            height = 0.94 if label == "PPO's clip" else 0.17
            ax.text(
                runs["batch"].max(),
                height,
                label,
                color=style["color"],
                ha="right",
                fontweight="bold",
            )
        ax.set(xlabel="batch; 32 updates each, learning rate 1e-4", ylim=(0, 1), yticks=(0, 0.5, 1))
        ax.set_title("share of right answers", loc="left", fontsize=15, color=QUIET)
        ax.margins(x=0)
        ax.spines[["top", "right"]].set_visible(False)
        return figure


def main() -> int:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    draw(pd.read_csv(RECORD)).savefig(buffer, dpi=DPI, metadata={"Software": None})
    Image.open(buffer).convert("RGB").quantize(COLOURS).save(TARGET, optimize=True)
    print(f"{TARGET.relative_to(ROOT)} ({TARGET.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
