"""All trust regions on one sheet, drawn from the cards: for each method what is kept close, to what, how, and the
curve of its weight."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from trlib.pages.cards import CARDS, FAMILIES
from trlib.pages.cards.curve import LIKELY, RARE, RATIOS
from trlib.pages.cards.draw import RIGHT, WRONG, curve, expert

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trlib.pages.cards.card import MethodCard

SHEET = (16.54, 11.69)
"""Inches of A3, on its side."""
ACROSS, DOWN = 6, 3
INK, QUIET, LINE, PAPER = "#1b2530", "#566270", "#c9d0d6", "#ffffff"
FAMILY_INK = {"policy gradient": "#566270", "constraint": "#7a4b00", "ratio": "#0a5c8a", "divergence": "#0b6b64",
              "expert": "#8a2f62"}
TITLE = "Trust regions for language models"
LEAD = ("How hard is a token pushed, once its probability has moved? Each curve is the gradient weight "
        r"$w=-\partial L/\partial\log\pi(y_t)$ against the ratio to the policy that wrote the token, over its size at "
        "ratio 1,\ncomputed by the method itself. An expert's curve is drawn against the probability that the policy "
        "gives the expert's token.")
SHOWN = tuple(name for name, card in CARDS.items()
              if card.family in FAMILIES and name not in ("dr_grpo", "sft_then_rl", "sft_plus_rl"))
"""Cards with a box of their own; those left out share the curve of grpo or of sft."""
SHORT = {"pg_is": "Importance weights"}
"""Titles that are too long for a box."""
WRAP = 41
"""Letters of a line below a curve."""


def poster() -> Figure:
    """The sheet.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=SHEET, facecolor=PAPER)
    figure.text(0.025, 0.972, TITLE, fontsize=27, fontweight="bold", color=INK, va="top")
    figure.text(0.025, 0.932, LEAD, fontsize=10.5, color=QUIET, va="top", linespacing=1.5)
    _key(figure)
    grid = figure.add_gridspec(DOWN, ACROSS, left=0.035, right=0.985, top=0.85, bottom=0.2, hspace=1.0, wspace=0.22)
    for i, name in enumerate(SHOWN):
        _box(figure.add_subplot(grid[i // ACROSS, i % ACROSS]), CARDS[name])
    _families(figure)
    return figure


def _box(ax: Any, card: MethodCard) -> None:
    """One method: its name, its curve for a likely token, that for a rare one in thin lines, and the three answers."""
    if card.family == "expert":
        expert(ax, card, width=2)
        ax.set_yticks([0, 1])
    else:
        curve(ax, card, RARE, width=0.9, label=False)
        curve(ax, card, LIKELY, width=2, label=False)
        ax.set_xticks([0, 1, 2])
        ax.set_yticks([-1, 0, 1])
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(LINE)
    ax.tick_params(colors=QUIET, labelsize=7, length=2)
    ax.set_title(SHORT.get(card.name, card.title), loc="left", fontsize=12, fontweight="bold",
                 color=FAMILY_INK[card.family], pad=5)
    words = [("what", card.what), ("to", card.to), ("how", card.how)]
    lines = [line for head, text in words if text != "nothing"
             for line in textwrap.wrap(f"{head}: {text}", WRAP, subsequent_indent="   ")]
    place = f"arXiv {card.arxiv}" if card.arxiv else card.source
    ax.text(0, -0.17, "\n".join([*lines, place]), transform=ax.transAxes, fontsize=8.2, color=INK, va="top",
            linespacing=1.4)


def _key(figure: Figure) -> None:
    """What the lines mean."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=RIGHT, linewidth=2, label="right answer, pushed up"),
             Line2D([], [], color=WRONG, linewidth=2, linestyle=(0, (5, 2)), label="wrong answer, pushed down"),
             Line2D([], [], color=INK, linewidth=2, label=f"thick: written at probability {LIKELY:g}"),
             Line2D([], [], color=INK, linewidth=0.9, label=f"thin: written at {RARE:g}, a rare token")]
    figure.legend(handles=lines, loc="upper right", bbox_to_anchor=(0.985, 0.982), ncols=2, frameon=False, fontsize=9.5,
                  labelcolor=INK, handlelength=2.6)


def _families(figure: Figure) -> None:
    """What a colour means, and where the sheet comes from."""
    for i, (family, text) in enumerate(FAMILIES.items()):
        x = 0.025 + 0.195 * i
        figure.text(x, 0.058, family, fontsize=10, fontweight="bold", color=FAMILY_INK[family], va="top")
        figure.text(x, 0.041, textwrap.fill(text, 44), fontsize=7.8, color=QUIET, va="top")


def alt() -> str:
    """What the sheet shows to who cannot see it."""
    told = "; ".join(f"{CARDS[name].title}: {CARDS[name].how}" for name in SHOWN)
    return (f"{len(SHOWN)} methods, each with the curve of its gradient weight against the ratio from 0 to "
            f"{RATIOS[-1]:g}. {told}.")
