"""All trust regions on two sheets, drawn from the cards: for each method what is kept close, to
what, how, and the curve of its weight; the main line on one, the gallery on the other. Each sheet
has an edition for a phone too."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trbook.cards import CARDS, FAMILIES, GALLERY, read
from trbook.cards.curve import LIKELY, RARE, RATIOS
from trbook.cards.draw import RIGHT, WRONG, curve, expert
from trlib.drawing import HUES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trbook.cards.card import Family, MethodCard

A3, A2 = (16.54, 11.69), (23.39, 16.54)
"""Inches, on its side."""
INK, QUIET, LINE, PAPER = "#1b2530", "#566270", "#c9d0d6", "#ffffff"
GALLERY_HUES = ("h1", "h4", "h0", "h7", "h5", "h2", "h6", "ink", "h3")
"""Of the branches on the gallery's sheet."""
DRAWN: tuple[Family, ...] = tuple(branch for branch in GALLERY if branch != "asynchrony")
"""Branches of the gallery's sheet: those of which runs are recorded."""
BRANCHES = tuple(name for name, card in CARDS.items() if card.family in DRAWN)
"""Cards of the gallery's sheet."""
SHOWN = tuple(
    name
    for name, card in CARDS.items()
    if card.family in FAMILIES and name not in ("dr_grpo", "sft_then_rl", "sft_plus_rl")
)
"""Cards of the main line with a box of their own; those left out share the curve of grpo or of
sft."""
CURVES = (
    "How hard is a token pushed, once its probability has moved? Each curve is the gradient weight "
    r"$w=-\partial L/\partial\log\pi(y_t)$ against the ratio to the policy that wrote the token, "
    r"divided by its size "
    "at ratio 1,\ncomputed by the method itself. "
)


@dataclass(frozen=True)
class Sheet:
    """What one sheet shows."""

    title: str
    lead: str
    names: tuple[str, ...]
    across: int
    down: int
    inks: Mapping[Family, str]
    """Of the families."""
    families: Mapping[Family, str]
    """And what they are."""
    wrap: int
    """Letters of a line below a curve."""
    paper: tuple[float, float]
    size: str
    """The paper, in words."""
    gap: float
    """Between two rows of curves, in heights of a curve."""
    bottom: float
    """Where the last row of curves ends, as a share of the sheet's height."""


SHEETS: Mapping[str, Sheet] = {
    "poster": Sheet(
        "Trust regions for language models",
        CURVES
        + "An expert's curve is drawn against the probability that the policy gives the expert's "
        "token.",
        SHOWN,
        across=6,
        down=3,
        wrap=41,
        paper=A3,
        size="A3 on its side",
        gap=1.0,
        bottom=0.2,
        families=FAMILIES,
        inks={
            "policy gradient": HUES["h0"],
            "constraint": HUES["h4"],
            "ratio": HUES["h1"],
            "divergence": HUES["h5"],
            "expert": HUES["h3"],
        },
    ),
    "poster_gallery": Sheet(
        "Their relatives",
        CURVES
        + "A method without such a weight (an optimiser, a closed form, a judge of tokens before "
        "the move) shows only its three answers.",
        BRANCHES,
        across=10,
        down=4,
        wrap=34,
        paper=A2,
        size="A2 on its side",
        gap=1.25,
        bottom=0.15,
        families=dict.fromkeys(DRAWN, ""),
        inks=dict(zip(DRAWN, (HUES[name] for name in GALLERY_HUES), strict=True)),
    ),
}
"""By the name of the file."""
SHORT = {
    "pg_is": "Unclipped",
    "gae": "GAE",
    "iterative_amortized": "Iterative amortised",
    "fdnet": "FDNet",
    "ga_matr": "GA-MATR",
    "muon": "Muon",
    "frobenius": "Frobenius ball",
    "sign": "Sign descent",
}
"""Titles that are too long for a box."""


LICENCE = "CC BY 4.0"
"""Of what the book shows and says."""


def poster(name: str = "poster", address: str = "") -> Figure:
    """A sheet.

    Args:
        name: one of `SHEETS`.
        address: where the book is, printed beside the licence; empty where it has no address.

    Raises:
        KeyError: no such sheet.
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    sheet = SHEETS[name]

    figure = Figure(figsize=sheet.paper, facecolor=PAPER)
    figure.text(0.025, 0.972, sheet.title, fontsize=27, fontweight="bold", color=INK, va="top")
    figure.text(0.025, 0.932, sheet.lead, fontsize=10.5, color=QUIET, va="top", linespacing=1.5)
    _key(figure)
    grid = figure.add_gridspec(
        sheet.down,
        sheet.across,
        left=0.035,
        right=0.985,
        top=0.85,
        bottom=sheet.bottom,
        hspace=sheet.gap,
        wspace=0.22,
    )
    for i, one in enumerate(sheet.names):
        _box(figure.add_subplot(grid[i // sheet.across, i % sheet.across]), CARDS[one], sheet)
    _families(figure, sheet)
    origin = f"{address} · {LICENCE}" if address else LICENCE
    figure.text(0.985, 0.01, origin, fontsize=9, color=QUIET, ha="right", va="bottom")
    return figure


def _box(ax: Any, card: MethodCard, sheet: Sheet) -> None:
    """One method: its name, its curve for a likely token, that for a rare one in thin lines, and
    the three answers."""
    if read.draws(card):
        _curves(ax, card)
        ax.set_yticks([0, 1] if card.family == "expert" else [-1, 0, 1])
        if card.family != "expert":
            ax.set_xticks([0, 1, 2])
    else:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
    ax.tick_params(colors=QUIET, labelsize=7, length=2)
    ax.set_title(
        SHORT.get(card.name, card.title),
        loc="left",
        fontsize=12,
        fontweight="bold",
        color=sheet.inks[card.family],
        pad=5,
    )
    ax.text(
        0,
        -0.17 if read.draws(card) else 0.97,
        "\n".join(_answers(card, sheet.wrap)),
        transform=ax.transAxes,
        fontsize=8.2,
        color=INK,
        va="top",
        linespacing=1.4,
    )


PHONE = 4.5
"""Inches across the edition for a phone: its 324 points are about as many pixels as a phone
shows."""
SIDE, TOP, LETTERS, SPACE = 1.1, 0.3, 36, 0.17
"""Of that edition: a curve's width, the height of a title, letters of a line, and the height of a
line."""


def phone(name: str = "poster") -> Figure:
    """The same sheet in one column: each method's curve beside its three answers, in letters that a
    phone can show.

    Raises:
        KeyError: no such sheet.
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    sheet = SHEETS[name]
    lines = {
        one: _answers(CARDS[one], LETTERS if read.draws(CARDS[one]) else LETTERS + 14)
        for one in sheet.names
    }
    heights = {
        one: TOP + max(SPACE * len(lines[one]), 0.75 if read.draws(CARDS[one]) else 0) + 0.18
        for one in lines
    }
    whole = sum(heights.values()) + 0.1
    figure = Figure(figsize=(PHONE, whole), facecolor=PAPER)
    y = whole - 0.05
    for one, height in heights.items():
        card = CARDS[one]
        figure.text(
            0.02,
            y / whole,
            textwrap.shorten(card.title, 44),
            fontsize=12,
            fontweight="bold",
            color=sheet.inks[card.family],
            va="top",
        )
        if read.draws(card):
            ax = figure.add_axes((0.02, (y - TOP - 0.72) / whole, SIDE / PHONE, 0.7 / whole))
            _curves(ax, card)
            ax.set_xticks([])
            ax.set_yticks([])
        figure.text(
            (0.02 * PHONE + SIDE + 0.12) / PHONE if read.draws(card) else 0.02,
            (y - TOP) / whole,
            "\n".join(lines[one]),
            fontsize=9.5,
            color=INK,
            va="top",
            linespacing=1.25,
        )
        y -= height
    return figure


def _answers(card: MethodCard, wrap: int) -> list[str]:
    """What, to what and how, in lines of so many letters, and where it was published."""
    told = [("what", card.what), ("to", card.to), ("how", card.how)]
    lines = [
        line
        for head, text in told
        if text != "nothing"
        for line in textwrap.wrap(f"{head}: {text}", wrap, subsequent_indent="   ")
    ]
    return [*lines, f"arXiv {card.arxiv}" if card.arxiv else card.source]


def _curves(ax: Any, card: MethodCard) -> None:
    """A card's curve, of a rare token in thin lines."""
    if card.family == "expert":
        expert(ax, card, width=2)
    else:
        curve(ax, card, RARE, width=0.9, label=False)
        curve(ax, card, LIKELY, width=2, label=False)
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(LINE)


def _key(figure: Figure) -> None:
    """What the lines mean."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=RIGHT, linewidth=2, label="right answer, pushed up"),
        Line2D(
            [],
            [],
            color=WRONG,
            linewidth=2,
            linestyle=(0, (5, 2)),
            label="wrong answer, pushed down",
        ),
        Line2D([], [], color=INK, linewidth=2, label=f"thick: written at probability {LIKELY:g}"),
        Line2D([], [], color=INK, linewidth=0.9, label=f"thin: written at {RARE:g}, a rare token"),
    ]
    figure.legend(
        handles=lines,
        loc="upper right",
        bbox_to_anchor=(0.985, 0.982),
        ncols=2,
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
        handlelength=2.6,
    )


def _families(figure: Figure, sheet: Sheet) -> None:
    """What a colour means, and where the sheet comes from."""
    step = 0.975 / len(sheet.families)
    for i, (family, text) in enumerate(sheet.families.items()):
        name = GALLERY.get(family, family)
        figure.text(
            0.025 + step * i,
            0.058,
            textwrap.fill(name, 22),
            fontsize=10,
            fontweight="bold",
            color=sheet.inks[family],
            va="top",
        )
        figure.text(
            0.025 + step * i, 0.041, textwrap.fill(text, 44), fontsize=7.8, color=QUIET, va="top"
        )


def alt(name: str = "poster") -> str:
    """What a sheet shows, in words for a reader who cannot see it."""
    names = SHEETS[name].names
    told = "; ".join(f"{CARDS[one].title}: {CARDS[one].how}" for one in names)
    return (
        f"{len(names)} methods, each with the curve of its gradient weight against the ratio from "
        f"0 to {RATIOS[-1]:g}, where it has one. {told}."
    )
