"""A card as the Markdown of a page, and as a row of the comparison."""

from __future__ import annotations

from collections.abc import Callable

from trbook.cards import read
from trbook.cards.card import MethodCard
from trbook.cards.elsewhere import Elsewhere
from trbook.cards.names import pointer
from trlib.fields import dataclass_of
from trlib.methods import OBJECTIVES
from trlib.relatives import RELATIVES

HEADINGS = ("method", "what is kept close", "to what", "ratio", "level", "outside it", "signed", "cost")
Link = Callable[[str], str]
"""From a dotted name to its link in Markdown."""


def row(card: MethodCard) -> tuple[str, ...]:
    """What the comparison says of a method; its first cell is the title alone."""
    return (card.title, card.what, card.to, card.ratio, card.level, card.action, signed(card), times(card) or "1")


def signed(one: MethodCard | Elsewhere) -> str:
    """Whether the advantage's sign decides what is outside, in a word."""
    return {True: "signed", False: "unsigned", None: "neither"}[one.signed]


def times(card: MethodCard) -> str:
    """Its processor time over that of plain policy gradient, to two digits; empty: it is what others are compared
    with."""
    cost = read.cost(card)
    return f"{cost[2].value:.2g}" if cost else ""


def provenance(card: MethodCard) -> str:
    """Where the formula comes from, as one line of Markdown."""
    return f"The formula: *{card.provenance}*" + (f" ({card.read_in})." if card.read_in else ".")


def page(card: MethodCard, chapter: str, link: Link, claims: str = "") -> str:
    """A card as a page.

    Args:
        chapter: a link to the chapter that derives it, in Markdown; empty: none yet.
        link: how a dotted name is linked.
        claims: a link to what is claimed of it, in Markdown; empty: nothing is.
    """
    entry = OBJECTIVES.get(card.name) or RELATIVES[card.name]
    kind, objective = dataclass_of(entry) if hasattr(entry, "func") else entry, card.name in OBJECTIVES
    paper = f" · [arXiv {card.arxiv}](https://arxiv.org/abs/{card.arxiv})" if card.arxiv else ""
    places = " · ".join(filter(None, (f"`{card.name}`", chapter, link(f"{kind.__module__}.{kind.__name__}"))))
    return "\n".join(
        [
            f"# {card.title}",
            "",
            f"{card.source}{paper}",
            "",
            provenance(card),
            "",
            places,
            "",
            "| the question | the answer |",
            "|---|---|",
            f"| **what** is kept close? | {card.what} |",
            f"| **to what?** | {card.to} |",
            f"| **how?** | {card.how} |",
            *([f"| boxes of the loop that it fills | {', '.join(read.boxes(card))} |"] if objective else []),
            f"| ratio, level, outside the region | {card.ratio}, {card.level}, {card.action}, {signed(card)} |",
            "",
            *([card.remark, ""] if card.remark else []),
            *([line, ""] if (line := pointer(card.name)) else []),
            *_rule(card),
            *(_settings(card) + _cost(card) if objective else []),
            *_claims(card, claims),
            *_deviations(card, link),
        ]
    )


def _rule(card: MethodCard) -> list[str]:
    """The curve of the weight with both formulas, or the formula alone."""
    if not read.draws(card):
        return ["## The rule", "", f"$$\n{card.loss}\n$$", ""]
    return [
        "## How hard a token is pushed",
        "",
        f"```{{method-curve}} {card.name}",
        "```",
        "",
        f"$$\nL_t = {card.loss}\n$$",
        "",
        f"$$\nw_t = {card.weight}\n$$",
        "",
    ]


def _settings(card: MethodCard) -> list[str]:
    """The table of the settings that are the method's own."""
    rows = read.settings(card)
    lines = ["## Settings", ""]
    if not rows:
        return [*lines, "None of its own.", ""]
    paper = any(paper for _, _, paper, _ in rows)
    head = ["setting", "here", *(["paper"] if paper else []), "what it is"]
    lines += [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, default, theirs, text in rows:
        cells = [f"`{name}`", f"`{default}`", *([_plain(theirs)] if paper else []), _plain(text)]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _cost(card: MethodCard) -> list[str]:
    """What the loop computes for it, and its recorded time."""
    asks, cost = read.asks(card), read.cost(card)
    what = (
        f"Beside the log-probs of the sampled tokens it asks for {' and '.join(asks)}."
        if asks
        else "It asks for nothing beside the log-probs of the sampled tokens."
    )
    lines = ["## What it costs", "", what]
    if card.passes:
        lines += ["", f"Beside one forward and one backward pass per update it makes {card.passes}."]
    if cost:
        sweep, base, ratio = cost
        lines += [
            "",
            f"A recorded run took {ratio.value:.2g} times the processor time of `{base}` "
            f"[{ratio.low:.2g}, {ratio.high:.2g}] (`trlib sweep {sweep}`).",
        ]
    return [*lines, ""]


def _claims(card: MethodCard, link: str) -> list[str]:
    """The table of claims and verdicts."""
    if not link:
        return []
    return ["## What is claimed, and what came", "", f"```{{method-claims}} {card.name}", "```", "", link, ""]


def _deviations(card: MethodCard, link: Link) -> list[str]:
    """How libraries differ, function by function."""
    deviations = read.deviations(card)
    if not deviations:
        return []
    return ["## Where libraries differ", "", *(f"- {link(name)}: {_plain(text)}" for name, text in deviations), ""]


def _plain(text: str) -> str:
    """Text for a cell: a bar would end it."""
    return text.replace("|", "\\|")
