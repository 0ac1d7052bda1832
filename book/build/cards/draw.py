"""The figure of a card: how hard a token is pushed while it moves, for a likely and for a rare
token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from book.build.cards.card import Card
from book.build.cards.curve import LIKELY, PROBABILITIES, RARE, RATIOS, expert_weights, weights
from trlab.drawing import COLOURS, DASHES, INK, Drawing, legend_above, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIGHT, WRONG = COLOURS[0], COLOURS[1]
LEVELS = (-2.0, 2.6)
"""What the axis of weights shows."""


def drawing(card: Card) -> Drawing:
    """The weight of a right and of a wrong token against its ratio, written at 0.3 and at 0.01; of
    an expert's token against its probability."""
    if card.family == "expert":
        figure, (ax,) = panels(height=2.6)
        expert(ax, card)
        ax.set_xlabel("probability of the expert's token under the policy")
        ax.set_ylabel("weight")
        return Drawing(figure, alt=in_words(card))
    figure, (left, right) = panels(2, height=2.9, share=True)
    for ax, q, name in ((left, LIKELY, "likely"), (right, RARE, "rare")):
        curve(ax, card, q)
        ax.set_title(f"a {name} token, written at {q:g}", color=INK, fontsize="medium")
        ax.set_xlabel("ratio to the policy that wrote it")
    left.set_ylabel("weight, over its size at ratio 1")
    legend_above(figure)
    return Drawing(figure, alt=in_words(card))


def curve(ax: Axes, card: Card, q: float, *, width: float = 1.8, label: bool = True) -> None:
    """Both weights at one q, on an axis that begins at ratio 0."""
    ax.axhline(0, color=INK, linewidth=0.7, alpha=0.6)
    ax.axvline(1, color=INK, linewidth=0.7, alpha=0.6, linestyle=":")
    for right, colour, dash in ((True, RIGHT, DASHES[0]), (False, WRONG, DASHES[1])):
        name = "right answer" if right else "wrong answer"
        ax.plot(
            RATIOS,
            weights(card, q=q, right=right),
            color=colour,
            linestyle=dash,
            linewidth=width,
            label=name if label else None,
        )
    ax.set_xlim(0, RATIOS[-1])
    ax.set_ylim(*LEVELS)


def expert(ax: Axes, card: Card, *, width: float = 1.8) -> None:
    """The weight of an expert's token against its probability, on a logarithmic axis."""
    ax.axhline(0, color=INK, linewidth=0.7, alpha=0.6)
    ax.plot(PROBABILITIES, expert_weights(card), color=COLOURS[2], linewidth=width)
    ax.set_xscale("log")
    ax.set_xlim(PROBABILITIES[0], 1)
    ax.set_ylim(-0.1, 1.2)


def in_words(card: Card) -> str:
    """What the figure shows, for a reader who cannot see it: the weights at ratios 1/2, 1.1 and 2,
    or at three probabilities."""
    if card.family == "expert":
        at = (0.001, 0.05, 0.5)
        listed = ", ".join(
            f"{w:.2g} at probability {p:g}"
            for p, w in zip(at, expert_weights(card, at), strict=True)
        )
        return f"Weight of an expert's token with {card.title}: {listed}."
    parts = []
    for q, name in ((LIKELY, "likely"), (RARE, "rare")):
        for right, answer in ((True, "right"), (False, "wrong")):
            values = weights(card, q=q, right=right, ratios=(0.5, 1.1, 2.0))
            parts.append(
                f"{name} token of a {answer} answer: " + ", ".join(f"{w + 0.0:.2g}" for w in values)
            )
    return f"Weights with {card.title} at ratios 0.5, 1.1 and 2. " + "; ".join(parts) + "."
