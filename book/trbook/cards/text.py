"""A card as the Markdown of a page, and as a row of the comparison."""

from __future__ import annotations

from collections.abc import Callable

from trbook.cards import read
from trbook.cards.card import MethodCard
from trbook.cards.elsewhere import Elsewhere
from trbook.cards.names import pointer
from trbook.cards.outcome import Outcome, changed, command, headline, outcomes, written
from trlib.fields import dataclass_of
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES
from trlib.relatives import RELATIVES

HEADINGS = ("method", "kept close, to what", "what is done", "level", "ratio", "signed", "ends at", "cost")
"""Columns of the table of all methods."""
Link = Callable[[str], str]
"""From a dotted name to its link in Markdown."""


def signed(one: MethodCard | Elsewhere) -> str:
    """Whether the advantage's sign decides what is outside, in a word."""
    return {True: "signed", False: "unsigned", None: "neither"}[one.signed]


def times(card: MethodCard) -> str:
    """Its processor time over that of what it is compared with, to two digits; empty: it was not timed."""
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
    kind = dataclass_of(entry) if hasattr(entry, "func") else entry
    paper = f" · [arXiv {card.arxiv}](https://arxiv.org/abs/{card.arxiv})" if card.arxiv else ""
    places = " · ".join(filter(None, (f"`{card.name}`", chapter, link(f"{kind.__module__}.{kind.__name__}"))))
    return "\n".join(
        [
            f"# {card.title}",
            "",
            *([f"In full: {card.long}.", ""] if card.long else []),
            f"{card.source}{paper}",
            "",
            provenance(card),
            "",
            places,
            "",
            *_place(card),
            *([card.remark, ""] if card.remark else []),
            *([line, ""] if (line := pointer(card.name)) else []),
            *_outcome(card, chapter),
            *_command(card),
            *_rule(card),
            *_settings(card),
            *_cost(card),
            *_claims(card, claims),
            *_deviations(card, link),
        ]
    )


def word(text: str, entry: str) -> str:
    """A word that the glossary explains, for a page in `book/methods`."""
    return f"[{text}](../glossary.md#{entry})"


def _place(card: MethodCard) -> list[str]:
    """The three answers, and the method's place among all."""
    boxes = ", ".join(read.boxes(card)) if card.name in OBJECTIVES else ""
    return [
        "| the question | the answer |",
        "|---|---|",
        f"| **what** is kept close? | {card.what} |",
        f"| **to what?** | {card.to} |",
        f"| **how?** | {card.how} |",
        *([f"| {word('boxes', 'box')} of the loop that it fills | {boxes} |"] if boxes else []),
        f"| {word('ratio', 'ratio')} in its weight | {card.ratio} |",
        f"| {word('level', 'level')}: judged as one | {card.level} |",
        f"| {word('outside the region', 'outside-the-region')} | {card.action} |",
        f"| {word('signed', 'signed')} | {signed(card)} |",
        "",
    ]


def used(one: Outcome) -> str:
    """How often a batch was used, in a word or two."""
    times = {1: "once", 2: "twice"}.get(one.uses, f"{one.uses} times")
    parts = one.train.get("minibatches", 1)
    return times + (f", in {parts} minibatches" if parts > 1 else "")


def _outcome(card: MethodCard, chapter: str) -> list[str]:
    """What the recorded runs reached, a row for each place, or why there are none."""
    found = outcomes(card)
    lines = ["## What it reached here", ""]
    if not found and not card.example:
        return [
            *lines,
            "No recorded run: none of our sweeps has it yet, and we claim nothing about how well it learns.",
            "",
        ]
    if not found:
        shown = f"; {chapter} shows it on a small problem" if chapter else ""
        return [*lines, f"No recorded run: it does not train a language model in this book{shown}.", ""]
    task = word("`dial`", "dial") if found[0].task == "dial" else f"[`{found[0].task}`](../interface/tasks.md)"
    lines += [
        f"Sampled accuracy on {task} after training, with learning rate and "
        f"{word('uses', 'uses-of-a-batch')} of a batch. Each number is an interquartile mean over "
        f"{min(one.seeds for one in found)} seeds or more, with its 95 % interval. Compare rows of one sweep only: "
        "another sweep has another budget.",
        "",
        "| batch used | learning rate | ends at | settings | batches | sweep |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        moves = f"; {one.point} moves" if one.source.axis == "moves" else ""
        size = f"{one.steps} of {one.train.get('prompts', RunSettings.prompts)} × {_group(one)}"
        cells = (used(one) + moves, one.rate, one.quote, _changed(card, one), size)
        lines.append(f"| {' | '.join(cells)} | [{one.source.sweep}]({one.source.page}) |")
    sweeps = {one.source.sweep for one in found}
    if "best" in sweeps:
        lines += [
            "",
            "`best` takes the learning rate that one rule chose for each method and each number of uses, with default "
            "thresholds. At their best rates [all ten methods end alike]"
            "(../recorded_third.md#every-method-at-its-best-rate).",
        ]
    if "relay_best" in sweeps:
        lines += [
            "",
            "`relay_best`: 64 tokens, a sampler that is two batches behind and whose logits are noisy. In the first "
            "row the learning rate is the one that a rule chose for this method from a map, in the second it is "
            "1.5e-3, the same for all. See it [beside the others](../recorded_long.md).",
            *(["", card.near] if card.near else []),
        ]
    if "gallery_best" in sweeps:
        lines += [
            "",
            "`gallery_best` takes the learning rate that one rule chose for each method and each number of uses, with "
            "default thresholds: [the gallery's runs](../recorded_gallery.md).",
        ]
    return [*lines, ""]


def _group(one: Outcome) -> int:
    return int(one.train.get("group", RunSettings.group))


def _changed(card: MethodCard, one: Outcome) -> str:
    """What a run sets besides learning rate and uses, where it is not the default."""
    beside = {name: one.train[name] for name in ("grad_norm", "optimizer") if name in one.train}
    cells = {**changed(card, one), **beside}.items()
    return ", ".join(f"`{name}={written(value)}`" for name, value in cells) or "default"


def _command(card: MethodCard) -> list[str]:
    """How to run it, in one line."""
    shown = headline(card)
    said = (
        "A small problem of its own:"
        if card.example
        else f"The first row of `{shown.source.sweep}`, with seed 0:"
        if shown and shown.source.axis == "rate"
        else f"The row of `{shown.source.sweep}` where a batch is used {used(shown)}, with seed 0:"
        if shown
        else "With the loop's defaults:"
    )
    return ["## Run it", "", said, "", "```bash", command(card), "```", ""]


def _rule(card: MethodCard) -> list[str]:
    """The curve of the weight with both formulas, or the formula alone and why there is no curve; and the line that it
    changes."""
    line = ["The line that it changes:", "", "```diff", *card.diff.splitlines(), "```", ""] if card.diff else []
    if not read.draws(card):
        return ["## The rule", "", f"$$\n{card.loss}\n$$", "", f"No curve of a weight: {card.no_curve}.", "", *line]
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
        *line,
    ]


def _settings(card: MethodCard) -> list[str]:
    """The table of the settings that are the method's own."""
    rows = read.settings(card)
    lines = ["## Settings", ""]
    if not rows:
        return [*lines, "It has none of its own. The paper's settings: not read.", ""]
    texts = any(text for _, _, _, text in rows)
    head = ["setting", "here", "paper", *(["what it is"] if texts else [])]
    lines += [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, default, theirs, text in rows:
        here = default if default == read.GIVEN else f"`{default}`"
        cells = [f"`{name}`", here, _plain(theirs) or "not read", *([_plain(text)] if texts else [])]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _cost(card: MethodCard) -> list[str]:
    """What is computed for it, and its recorded time."""
    lines = ["## What it costs", ""]
    if card.name not in OBJECTIVES:
        return [*lines, card.work, ""]
    asks, cost = read.asks(card), read.cost(card)
    lines.append(
        f"Besides the log-probs of the sampled tokens it needs {' and '.join(asks)}."
        if asks
        else "It needs nothing besides the log-probs of the sampled tokens."
    )
    lines[-1] += (
        f" Besides one forward and one backward pass per update it makes {card.passes}."
        if card.passes
        else " An update takes one forward and one backward pass."
    )
    if cost:
        sweep, base, ratio = cost
        lines += [
            "",
            f"A recorded run took {ratio.value:.2f} times as much processor time as `{base}` "
            f"[{ratio.low:.2f}, {ratio.high:.2f}] (`trlib sweep {sweep}`).",
        ]
    return [*lines, ""]


def _claims(card: MethodCard, link: str) -> list[str]:
    """The table of claims and verdicts."""
    if not link:
        return []
    return ["## What is claimed, and what we found", "", f"```{{method-claims}} {card.name}", "```", "", link, ""]


def _deviations(card: MethodCard, link: Link) -> list[str]:
    """How libraries differ, function by function."""
    deviations = read.deviations(card)
    if not deviations:
        return []
    return ["## Where libraries differ", "", *(f"- {link(name)}: {_plain(text)}" for name, text in deviations), ""]


def _plain(text: str) -> str:
    """Text for a cell: a bar would end it."""
    return text.replace("|", "\\|")
