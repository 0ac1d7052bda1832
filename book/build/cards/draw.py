"""The figure of a card: the weight of a token against its ratio, for a likely and for a rare token."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from book.build.cards import CARDS, Card
from book.build.cards.curve import LIKELY, PROBABILITIES, RARE, RATIOS, expert_weights, weights
from book.build.paths import BUILD, ROOT
from trbook.drawing import SMALL
from trbook.figures import plain
from trlab.drawing import HUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUT = BUILD / "cards"
"""Where what is computed on cards is kept."""
LEVELS = (-2.0, 2.6)
"""What the axis of weights shows."""


@cache
def shape(name: str) -> tuple[float, ...]:
    """What the figure of a card shows, to six digits."""
    card = CARDS[name]
    if card.family == "expert":
        shown = expert_weights(card)
    else:
        both = product((LIKELY, RARE), (True, False))
        shown = [w for q, right in both for w in weights(card, q=q, right=right)]
    return tuple(round(w, 6) for w in shown)


@cache
def owner(name: str) -> str:
    """The first method whose figure is the same: one picture serves all of them."""
    drawn = (one for one, card in CARDS.items() if "<!--made weights-->" in card.text)
    return next(one for one in drawn if shape(one) == shape(name))


def small(name: str) -> str:
    """The curve in a row of the table of methods: a right and a wrong likely token, or an expert's."""
    values, (low, high) = shape(name), LEVELS
    kinds: tuple[str, ...] = ("right", "wrong")
    if CARDS[name].family == "expert":
        (low, high), kinds = (-0.1, 1.2), ("right",)
    count = len(PROBABILITIES) if len(kinds) == 1 else len(RATIOS)
    paths = ""
    for i, kind in enumerate(kinds):
        one = values[i * count : (i + 1) * count]
        points = [
            (60 * k / (count - 1), 24 * (high - min(high, max(low, w))) / (high - low))
            for k, w in enumerate(one)
        ]
        line = "L".join(f"{x:.3g},{y:.3g}" for x, y in points[::5])
        paths += f'<path class="{kind}" d="M{line}"/>'
    zero = 24 * high / (high - low)
    return (
        '<svg class="weight" viewBox="0 0 60 24" aria-hidden="true">'
        f'<path d="M0,{zero:.3g}H60"/>{paths}</svg>'
    )


def figure_of(name: str) -> str:
    """The file of a card's figure, from its page."""
    return f"../../{OUT.relative_to(ROOT)}/{name}.svg"


@plain
def drawn(card: Card) -> Figure:
    """The weight of a right and of a wrong token against its ratio, sampled at a probability of 0.3
    and of 0.01; of an expert's token against its probability."""
    import matplotlib.pyplot as plt

    if card.family == "expert":
        figure, ax = plt.subplots(figsize=(SMALL, 2.3))
        ax.axhline(0, color="gray", lw=0.7, alpha=0.6)
        ax.plot(PROBABILITIES, expert_weights(card), color=HUES["good"], lw=1.8)
        ax.set(xscale="log", xlim=(PROBABILITIES[0], 1), ylim=(-0.1, 1.2), ylabel="weight")
        ax.set_xlabel("probability of the expert's token under the policy")
    else:
        figure, (left, right) = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(SMALL, 2.5))
        for ax, q, name in ((left, LIKELY, "likely"), (right, RARE, "rare")):
            curve(ax, card, q)
            ax.set_title(f"{name}: sampled at {q:g}")
        figure.supxlabel("ratio to the policy that sampled the token", fontsize="medium")
        left.set_ylabel("weight, over that at ratio 1")
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    figure.set_label(in_words(card))
    return figure


def curve(ax: Axes, card: Card, q: float) -> None:
    """Both weights at one q, on an axis that begins at ratio 0."""
    ax.axhline(0, color="gray", lw=0.7, alpha=0.6)
    ax.axvline(1, color="gray", lw=0.7, alpha=0.6, ls=":")
    for right, hue, style in ((True, "good", "-"), (False, "bad", "--")):
        name = f"{'right' if right else 'wrong'} completion"
        ax.plot(RATIOS, weights(card, q=q, right=right), style, color=HUES[hue], lw=1.8, label=name)
    ax.set(xlim=(0, RATIOS[-1]), ylim=LEVELS)


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
        for right, kind in ((True, "right"), (False, "wrong")):
            values = weights(card, q=q, right=right, ratios=(0.5, 1.1, 2.0))
            parts.append(
                f"{name} token of a {kind} completion: "
                + ", ".join(f"{w + 0.0:.2g}" for w in values)
            )
    return f"Weights with {card.title} at ratios 0.5, 1.1 and 2. " + "; ".join(parts) + "."
