"""What is computed on a card: its maker by the name that stands on the page, `<!--made runs-->`. A person
writes the headings above."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import quote

from myst_parser.mdit_to_docutils.base import default_slugify

from book.build import advice, claims
from book.build.cards import CARDS, read
from book.build.cards.card import Card
from book.build.cards.draw import figure_of, in_words, owner
from book.build.cards.outcome import (
    Outcome,
    changed,
    command,
    headline,
    outcomes,
    sweep_of,
    written,
)
from book.build.markdown import table
from book.build.paths import ROOT
from trbook.scale import papers
from trlab.cells import of_its_day
from trlab.counted import comparisons, counts, recorded_runs
from trlib.algorithms import Method, lines
from trlib.methods import OBJECTIVES

GUIDE = "index.md#how-to-read-a-card"
"""What every card would repeat, for a page in `book/methods`."""
TERMS = re.compile(r"\b(mask|clip|divergence)\b")
"""Words of the glossary that a card's description links."""
BRIDGE = "../../notebooks/12_at_scale.ipynb"
"""From a page in `book/methods`."""


def curve(card: Card) -> list[str]:
    """The weight as one line, and its curve, or that of the first method which has the same."""
    first = CARDS[owner(card.name)]
    lines = [*in_one_line(card), f"![{in_words(first)}]({figure_of(card.name)})"]
    if first != card:
        lines += ["", f"The same curve in this setting: [{first.title}]({first.link})."]
    return lines


def in_one_line(card: Card) -> list[str]:
    """The method's weight as one line that opens in the playground; empty: no line can say it."""
    if card.name not in OBJECTIVES:
        return []
    method = OBJECTIVES[card.name]()
    if method.formula is None:
        return [f"**No line says it:** it needs {lacking(card.name)}.", ""]
    return [
        f"**In one line**, w = `{method.line}` · [open it and change it](../playground.md)<!--{opened(method)}-->, "
        "beside PPO · [the names in it](../own.md#what-you-may-write)",
        "",
    ]


LACKING: Mapping[str, str] = {
    "the whole distribution at a token": "trpo ppo_penalty troll centered fixpo mdpo lco rover klpo",
    "the other completions of a prompt": "quatro rebel dpo tr_dpo adpo trpa tpo",
    "the other tokens of a batch": "bapo m2po clip_cov kl_cov",
    "the first policy of the run": "counterpol",
    "two old policies": "opsm",
    "a token's age": "a3po",
    "the turns of a completion": "turn_ppo",
    "a quantile of a completion's tokens": "cppo",
    "a choice that is learned from batch to batch": "pb_ppo",
    "the last layer": "capo",
    "an expert's completions": "trapo sft sft_then_rl sft_plus_rl smart",
    "the gradient at other weights": "tram sam",
}
"""What a line would have to know of a token, by the methods that no line can say."""


def lacking(name: str) -> str:
    """What a method needs that no line knows.

    Raises:
        ValueError: nobody has said it.
    """
    for need, names in LACKING.items():
        if name in names.split():
            return need
    raise ValueError(f"{name}: expected a formula, or its name in LACKING")


def constants(method: Method) -> dict[str, float]:
    """The constants of a method's line, in the order in which they stand there."""
    named = dict.fromkeys(lines.NAME.findall(method.formula or ""))
    return {name: method.constants[name] for name in named if name in method.constants}


def opened(method: Method) -> str:
    """The state of the playground in which lane A learns with a method's line, its constants on sliders,
    and lane B with PPO."""
    packed = re.sub(r"\s+", "$", method.formula or "").replace(",", ";").replace(":", "~")
    values = "".join(f",_{name}:{value:.10g}" for name, value in constants(method).items())
    return f"#playground:a=own,epochs:16,formula:{quote(packed, safe='')}{values}&b=ppo,epochs:16"


def signed(card: Card) -> str:
    """Whether the advantage's sign decides what is outside, in a word."""
    return {True: "signed", False: "unsigned", None: "neither"}[card.signed]


def place(card: Card) -> list[str]:
    """What is kept close to what, by which means, and the method's place among all."""
    stages = ", ".join(read.stages(card)) if card.is_objective else ""
    ratio = card.ratio if card.ratio != "none" else "no ratio"
    sides = "" if card.signed is None else signed(card)
    words = (card.level, ratio, card.action, sides, stages)
    drawn = "<!--made weights-->" in card.text  # then the line stands above the curve
    return [
        *([] if drawn else in_one_line(card)),
        f"- Kept close: {_explained(card.what)}",
        *([f"- To: {card.to}"] if card.to != "nothing" else []),
        f"- By: {_explained(card.how)}",
        f"- [Place]({GUIDE}): {' · '.join(filter(None, words))}",
    ]


def _explained(text: str) -> str:
    """The first word that the glossary explains, linked to it."""
    return TERMS.sub(r"[\1](../glossary.md#\1)", text, count=1)


def trainers(card: Card) -> list[str]:
    """What to set in TRL and in verl, or why nothing can be."""
    paper = papers.of_card(card.name)
    versions = papers.WRITTEN_FOR
    bridged = "bridge" in paper.trl_note + paper.verl_note
    bridge = f"The bridge is in [chapter 12]({BRIDGE}). " if bridged else ""
    return [
        f"**TRL {versions['trl']}.** {paper.trl_note or 'These settings run it:'}",
        "",
        *_fenced("python", _in_trl(paper) if paper.trl else []),
        f"**verl {versions['verl']}.** {paper.verl_note or 'These settings run it:'}",
        "",
        *_fenced("text", [f"{name}={value}" for name, value in (paper.verl or {}).items()]),
        f"{bridge}{_files(card)}What other libraries call it: [settings](../check/settings.md), [losses](../check/atlas.md).",
    ]


def _fenced(language: str, lines: list[str]) -> list[str]:
    return [f"```{language}", *lines, "```", ""] if lines else []


def _in_trl(paper: papers.Paper) -> list[str]:
    """The lines of Python that set it, from the imports on."""
    module, _, config = paper.trl_config.rpartition(".")
    loss = re.search(r"\w+_loss", paper.token_loss)
    lines = ["from functools import partial", ""] if "partial(" in paper.token_loss else []
    lines.append(f"from {module} import {config}")
    if loss:
        lines.append(f"from trlib.algorithms import {loss[0]}")
    if "bridge" in paper.trl_note:
        lines.append(f"from trlib.bridges.trl import {paper.trainer}")
    lines.append("")
    if loss:
        anchor = [f'    anchor = "{paper.anchor}"'] if paper.anchor else []
        own = f"    token_loss = staticmethod({paper.token_loss})"
        lines += ["", f"class Trainer({paper.trainer}):", own, *anchor, "", ""]
    given = [
        f"    {name}={value!r},".replace("'", '"') for name, value in (paper.trl or {}).items()
    ]
    return [*lines, f"args = {config}(", *given, ")"]


def _files(card: Card) -> str:
    """The files of `examples` that train with it."""
    paths = sorted(ROOT.glob(f"examples/*/{card.name}.*"))
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    links = ", ".join(f"[{name}](../../{name})" for name in names)
    return f"To copy, each with its folder: {links}. " if links else ""


def settings(card: Card) -> list[str]:
    """The table of the settings that are the method's own, with a text for those that few share."""
    rows = read.settings(card)
    if not rows:
        return ["No settings of its own."]
    texts = any(text and text not in _shared() for _, _, _, text in rows)
    head = ["setting", "here", "paper", *(["what it is"] if texts else [])]
    body = []
    for name, default, theirs, text in rows:
        here = default if default == read.GIVEN else f"`{default}`"
        own = "" if text in _shared() else _plain(text)
        body.append([f"`{name}`", here, _plain(theirs) or "–", *([own] if texts else [])])
    return [table(head, body)]


@cache
def _shared() -> set[str]:
    """What several cards would say of a setting; the interface says it too."""
    texts = Counter(text for card in CARDS.values() for *_, text in read.settings(card))
    return {text for text, cards in texts.items() if cards > 2}


def libraries(card: Card) -> list[str]:
    """How libraries differ, function by function; what several cards share stands on the first."""
    deviations: dict[str, list[str]] = {}
    for name, text in read.deviations(card):
        deviations.setdefault(name, []).append(_plain(text))
    lines = []
    for name, texts in deviations.items():
        first = _first(name)
        if first is not card:
            below = "" if "#" in first.link else "#in-libraries"
            lines.append(f"- `{name}`: see [{first.title}]({first.link}{below})")
        elif len(texts) == 1:
            lines.append(f"- `{name}`: {texts[0]}")
        else:
            lines += [f"- `{name}`:", *(f"  - {text}" for text in texts)]
    return lines


@cache
def _first(name: str) -> Card:
    """The first card that names a function."""
    return next(card for card in CARDS.values() if name in card.functions)


def used(one: Outcome) -> str:
    """How many epochs were made over a batch, in two words or more."""
    parts = one.train.get("minibatches", 1)
    return f"{one.uses} epoch{'s' if one.uses > 1 else ''}" + (
        f" in {parts} minibatches" if parts > 1 else ""
    )


def runs(card: Card) -> list[str]:
    """A row for each recorded place, beside PPO at the same place."""
    recorded_outcomes = outcomes(card)
    if not recorded_outcomes:
        return ["No recorded run under its own name yet."]
    settings = [_changed(card, one) for one in recorded_outcomes]
    beside = any(one.ppo for one in recorded_outcomes)
    head = [
        "epochs per batch",
        "learning rate",
        f"right on `{recorded_outcomes[0].task}`",
        *(["PPO there"] if beside else []),
        *(["settings"] if any(settings) else []),
        "sweep",
    ]
    body = []
    for one, own in zip(recorded_outcomes, settings, strict=True):
        moves = f", {one.point} moves" if one.source.axis == "moves" else ""
        day = of_its_day(sweep_of(one.source.sweep), one.method)
        sweep = (f"[{one.source.sweep}]({one.source.page})", f"{one.steps} batches", day)
        body.append(
            [
                used(one) + moves,
                one.rate,
                one.quote,
                *([one.ppo or "not run"] if beside else []),
                *([own or "default"] if any(settings) else []),
                ", ".join(filter(None, sweep)),
            ]
        )
    counted = "" if "<!--made use-->" in card.text else beside_ppo(card.name)  # its box has them
    return [table(head, body), *(["", counted] if counted else [])]


def beside_ppo(name: str) -> str:
    """What all recorded cells say in which only the method differs from PPO; empty: there is none."""
    known = recorded_runs()
    if name == "ppo" or name not in {*known["label"], *known["method"]}:
        return ""
    counted = counts(comparisons(name))
    if not counted.cells:
        return ""
    return (
        f"**Against PPO, where nothing but the method differs: {counted}.** Sampled accuracy, each cell by "
        "itself ([how cells are counted](../claims.md#every-comparison-counted))."
    )


def _changed(card: Card, one: Outcome) -> str:
    """What a run sets besides learning rate and epochs, where it is not the default."""
    beside = {name: one.train[name] for name in ("grad_norm", "optimizer") if name in one.train}
    return ", ".join(
        f"`{name}={written(value)}`" for name, value in ({**changed(card, one), **beside}).items()
    )


def example(card: Card) -> list[str]:
    """The line that trains with it, under what it repeats, and what an objective costs."""
    shown = headline(card)
    comment = []
    if shown:
        first, *_, last = shown.seeds
        seed = "seed 0" if 0 in shown.seeds else f"seed 0 (recorded: {first} to {last})"
        comment = [f"# {shown.source.sweep}: {used(shown)}, learning rate {shown.rate}, {seed}"]
    cost = _cost(card) if card.is_objective else ""
    return [*_fenced("bash", [*comment, command(card)]), *([f"Cost: {cost}."] if cost else [])]


def _cost(card: Card) -> str:
    """What is computed for it beyond one forward and one backward pass per update, and its recorded
    time; empty: nothing, and it was not timed."""
    parts = [*read.asks(card), *([card.passes] if card.passes else [])]
    costs = ["also " + "; ".join(parts)] if parts else []
    if ratio := read.cost(card):
        costs.append(f"{ratio:.2f} times the processor time of REINFORCE")
    return "; ".join(costs)


def claimed(card: Card) -> list[str]:
    """What is claimed of a method, what we found, and where it stands.

    Raises:
        ValueError: nothing is claimed of it.
    """
    of, rows = claims.of_method(card.name), claims.shown_of(card.name, card.arxiv)
    if of is None or not rows:
        raise ValueError(f"{card.name}.md, claims: expected a method of which some are recorded")
    link = f"[Tests and numbers](../claims.md#{default_slugify(of.title)})"
    return [table(("claim", "verdict here"), rows), "", link]


def _plain(text: str) -> str:
    """Text for a cell: a bar would end it."""
    return text.replace("|", "\\|")


BLOCKS: Mapping[str, Callable[[Card], list[str]]] = {
    "use": lambda card: [advice.box(card.name)],
    "weights": curve,
    "place": place,
    "trainers": trainers,
    "settings": settings,
    "libraries": libraries,
    "runs": runs,
    "command": example,
    "claims": claimed,
}
"""By the name that stands on the page, in the order of a card."""
