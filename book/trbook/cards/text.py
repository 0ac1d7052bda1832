"""A card as the Markdown of a page, and as a row of the comparison."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from trbook.cards import lines as of_card
from trbook.cards import read
from trbook.cards.card import MethodCard, Provenance
from trbook.cards.doors import DOORS
from trbook.cards.elsewhere import Elsewhere
from trbook.cards.names import pointer
from trbook.cards.outcome import Outcome, changed, command, headline, outcomes, written
from trbook.scale import papers
from trlib.fields import dataclass_of
from trlib.methods import OBJECTIVES
from trlib.relatives import RELATIVES

HEADINGS = (
    "method",
    "kept close, to what",
    "what is done",
    "level",
    "ratio",
    "signed",
    "cost",
)
"""Columns of the table of all methods."""
GUIDE = "index.md#how-to-read-a-card"
"""What every card would repeat, for a page in `book/methods`."""
TIMED = {"reinforce": "REINFORCE", "rl": "rewards alone"}
"""What a method's processor time is compared with, in words."""
STAMPS: Mapping[Provenance, str] = {
    "paper": "Formula: {} of the paper.",
    "code": "Formula: the code of {}; not read in the paper.",
    "quoted": "Formula: as printed in {}; not read in the paper itself.",
    "ours": "Formula: ours, from {}.",
}
"""Where a formula comes from, in a sentence that takes what was read."""
TERMS = re.compile(r"\b(mask|clip|divergence)\b")
"""Words of the glossary that a card's description links."""
Link = Callable[[str], str]
"""From a dotted name to its link in Markdown."""


def signed(one: MethodCard | Elsewhere) -> str:
    """Whether the advantage's sign decides what is outside, in a word."""
    return {True: "signed", False: "unsigned", None: "neither"}[one.signed]


def times(card: MethodCard) -> str:
    """Its processor time over that of what it is compared with, to two digits; empty: it was not
    timed."""
    cost = read.cost(card)
    return f"{cost[2].value:.2g}" if cost else ""


def provenance(card: MethodCard) -> str:
    """Where the formula comes from, as one line of Markdown."""
    return " ".join(filter(None, (STAMPS[card.provenance].format(card.read_in), card.besides)))


def page(card: MethodCard, chapter: str, link: Link, claims: str = "") -> str:
    """A card as a page: when one would use it, curve and formula, defaults, libraries, evidence.

    What every card would repeat stands once, in the guide on the page of all methods.

    Args:
        chapter: a link to the chapter that derives it, in Markdown; empty: none yet.
        link: how a dotted name is linked.
        claims: what is claimed of it, in Markdown; empty: nothing is.
    """
    main = card.name in DOORS
    return "\n".join(
        [
            f"# {card.title}",
            "",
            card.use,
            "",
            *(_doors(card, chapter) if main else []),
            *_rule(card),
            *([card.remark, ""] if card.remark else []),
            *([f"**Pitfall.** {DOORS[card.name].pitfall}", ""] if main else []),
            provenance(card),
            "",
            _places(card, "" if main else chapter, link),
            "",
            *_region(card),
            *(_trainers(card) if main else []),
            *_settings(card),
            *_deviations(card, link),
            *_evidence(card),
            *_claims(card, claims),
        ]
    )


def _doors(card: MethodCard, chapter: str) -> list[str]:
    """Where one learns it, where one runs it here, and what it is called in a trainer."""
    doors = DOORS[card.name]
    learn = [f"- **Learn it:** {chapter}"] if chapter else []
    here = f"[{doors.shows}](../playground.md)<!--#playground:{doors.play}-->"
    named = ", ".join(f"`{one}`" for one in _named_there(card))
    there = (
        f"[TRL and verl]({_TRAINER}), {named}"
        if named
        else f"[in neither]({_TRAINER}) TRL nor verl"
    )
    return [
        "<!--ways-->",
        *learn,
        f"- **Run it here:** {here if doors.play else doors.shows}",
        f"- **In your trainer:** {there}",
        "",
    ]


_TRAINER = "#in-your-trainer"
LADDER = "../ladder.md"
BRIDGE = "../../notebooks/12_at_scale.ipynb"
"""From a page in `book/methods`."""


def _named_there(card: MethodCard) -> list[str]:
    """The one setting of TRL, and the one of verl, that names the method there."""
    doors, paper = DOORS[card.name], papers.of_card(card.name)
    told = []
    if doors.trl in ("token_loss", "trainer"):
        told.append(paper.trainer)
    elif doors.trl and paper.trl:
        told.append(f"{doors.trl}={paper.trl[doors.trl]!r}".replace("'", '"'))
    if doors.verl and paper.verl:
        (name,) = [one for one in paper.verl if one.endswith(doors.verl)]
        told.append(f"{doors.verl.rpartition('.')[2]}={paper.verl[name]}")
    return told


def _trainers(card: MethodCard) -> list[str]:
    """What to set in TRL and in verl, or why nothing can be."""
    paper = papers.of_card(card.name)
    versions = papers.WRITTEN_FOR
    bridged = "bridge" in paper.trl_note + paper.verl_note
    bridge = f"The bridge is in [chapter 12]({BRIDGE}). " if bridged else ""
    return [
        "## In your trainer",
        "",
        f"**TRL {versions['trl']}.** {paper.trl_note or 'As the paper has it:'}",
        "",
        *_box("python", _in_trl(paper)),
        f"**verl {versions['verl']}.** {paper.verl_note or 'As the paper has it:'}",
        "",
        *_box("text", [f"{name}={value}" for name, value in (paper.verl or {}).items()]),
        f"{bridge}What other libraries call it: [settings](../settings.md), [losses](../atlas.md).",
        "",
    ]


def _box(language: str, lines: list[str]) -> list[str]:
    return [f"```{language}", *lines, "```", ""] if lines else []


def _in_trl(paper: papers.Paper) -> list[str]:
    """The lines of Python that set it."""
    if paper.trl is None:
        return []
    given = [f"    {name}={value!r},".replace("'", '"') for name, value in paper.trl.items()]
    own = [f"    token_loss = staticmethod({paper.token_loss})"] if paper.token_loss else []
    if own:
        own.insert(0, f"class Trainer({paper.trainer}):")
        own += ["", ""]
    return [*own, f"{paper.trl_config.rpartition('.')[2]}(", *given, ")"]


def kind_of(card: MethodCard) -> Any:
    """The class or function that a method is made with."""
    entry = OBJECTIVES.get(card.name) or RELATIVES[card.name]
    return dataclass_of(entry) if hasattr(entry, "func") else entry


def _places(card: MethodCard, chapter: str, link: Link) -> str:
    """Who made it, and where it stands: paper, chapter, code, and others of its name."""
    kind = kind_of(card)
    paper = f"[arXiv {card.arxiv}](https://arxiv.org/abs/{card.arxiv})" if card.arxiv else ""
    code = link(f"{kind.__module__}.{kind.__name__}")
    return " · ".join(
        filter(None, (card.long, card.source, paper, chapter, code, pointer(card.name)))
    )


def _region(card: MethodCard) -> list[str]:
    """What is kept close to what, by which means, and the method's place among all."""
    boxes = ", ".join(read.boxes(card)) if card.name in OBJECTIVES else ""
    ratio, sides = (
        card.ratio if card.ratio != "none" else "no ratio",
        "" if card.signed is None else signed(card),
    )
    place = (card.level, ratio, card.action, sides, boxes)
    return [
        f"- Kept close: {_explained(card.what)}",
        *([f"- To: {card.to}"] if card.to != "nothing" else []),
        f"- By: {_explained(card.how)}",
        f"- [Place]({GUIDE}): {' · '.join(filter(None, place))}",
        "",
    ]


def _explained(text: str) -> str:
    """The first word that the glossary explains, linked to it."""
    return TERMS.sub(r"[\1](../glossary.md#\1)", text, count=1)


def used(one: Outcome) -> str:
    """How many passes were made over a batch, in two words or more."""
    parts = one.train.get("minibatches", 1)
    return f"{one.uses} pass{'es' if one.uses > 1 else ''}" + (
        f" in {parts} minibatches" if parts > 1 else ""
    )


def _evidence(card: MethodCard) -> list[str]:
    """What the recorded runs reached, the line that runs it, and what it costs."""
    acts = [DOORS[card.name].acts, ""] if card.name in DOORS else []
    lines = ["## Evidence", "", *acts, *_outcome(card)]
    lines += ["```bash", *_said(card), command(card), "```", ""]
    return [*lines, f"Cost: {cost}.", ""] if (cost := _cost(card)) else lines


def _outcome(card: MethodCard) -> list[str]:
    """A row for each recorded place, beside PPO at the same place, or why there are none."""
    found = outcomes(card)
    if not found and not card.example:
        return ["No recorded run yet.", ""]
    if not found:
        return ["No recorded run: it does not train a language model here.", ""]
    settings = [_changed(card, one) for one in found]
    beside = any(one.ppo for one in found)
    head = [
        "over a batch",
        "learning rate",
        f"right on `{found[0].task}`",
        *(["PPO there"] if beside else []),
        *(["settings"] if any(settings) else []),
        "sweep",
    ]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for one, own in zip(found, settings, strict=True):
        moves = f", {one.point} moves" if one.source.axis == "moves" else ""
        cells = (
            used(one) + moves,
            one.rate,
            one.quote,
            *([one.ppo or "not run"] if beside else []),
            *([own or "default"] if any(settings) else []),
        )
        sweep = f"[{one.source.sweep}]({one.source.page}), {one.steps} batches"
        lines.append(f"| {' | '.join(cells)} | {sweep} |")
    return [*lines, "", *_near(card)]


def _near(card: MethodCard) -> list[str]:
    """Which recorded runs under other names are of its kind."""
    return [card.near, ""] if card.near else []


def _changed(card: MethodCard, one: Outcome) -> str:
    """What a run sets besides learning rate and passes, where it is not the default."""
    beside = {name: one.train[name] for name in ("grad_norm", "optimizer") if name in one.train}
    return ", ".join(
        f"`{name}={written(value)}`" for name, value in ({**changed(card, one), **beside}).items()
    )


def _said(card: MethodCard) -> list[str]:
    """Which row a line runs, as a comment."""
    shown = headline(card)
    if shown is None:
        return []
    return [f"# {shown.source.sweep}: {used(shown)}, learning rate {shown.rate}, seed 0"]


def _rule(card: MethodCard) -> list[str]:
    """The curve of the weight with both formulas, or the formula alone and why there is no curve;
    and the line that it changes: of the main line first."""
    line = ["```diff", *card.diff.splitlines(), "```", ""] if card.diff else []
    figure, formulas = _figure(card), _formulas(card)
    if card.name in of_card.LINES:
        return [*_lines(card), *formulas[:4], *figure, *formulas[4:]]
    if read.draws(card):
        return [*figure, *formulas, *line]
    return [*formulas, *figure, *line]


def _lines(card: MethodCard) -> list[str]:
    """The lines that a method of the main line changes, and what is compared."""
    lines = of_card.LINES[card.name]
    return [
        "```diff",
        *of_card.diff(card.name),
        "```",
        "",
        f"`-` {lines.beside}, `+` {card.title} · [the names]({GUIDE}) · "
        f"[the ladder]({LADDER}), one line at a time",
        "",
    ]


def _formulas(card: MethodCard) -> list[str]:
    """Loss and weight, four lines each."""
    return [part for one in formulas_of(card) for part in ("$$", one, "$$", "")]


def _figure(card: MethodCard) -> list[str]:
    """The curve of the weight, or why there is none."""
    if not read.draws(card):
        return [f"No curve is drawn, because {card.no_curve}.", ""]
    from trbook.cards.draw import in_words

    return [f"![{in_words(card)}]({figure_of(card.name)})", ""]


def figure_of(name: str) -> str:
    """The file of a card's figure, from its page."""
    return f"curves/{name}.svg"


KEPT = {
    "\\": r"\cr",
    ",": r"\thinspace",
    ":": r"\medspace",
    ";": r"\thickspace",
    "!": r"\negthinspace",
    "{": r"\lbrace",
    "}": r"\rbrace",
    "|": r"\Vert",
}
EATEN = re.compile(r"\\([\\,:;!{}|])")
"""A code host reads Markdown before formulas, and takes these for escapes: what says the same."""
GAP = re.compile(r"\\q?quad|,\\ \\ |(?=\\ \\text\{)")
"""In a formula: where a phone may begin a new line, besides at a relation or a sum."""


def formulas_of(card: MethodCard) -> list[str]:
    """Its loss and, where it has a curve, its weight, as its page shows them."""
    drawn = read.draws(card)
    loss = card.loss if not drawn or "L_t" in card.loss else f"L_t = {card.loss}"
    shown = [loss, f"w_t = {card.weight}"] if drawn else [loss]
    broken = (GAP.sub(lambda found: f"{found[0]}\\allowbreak ", formula) for formula in shown)
    return [EATEN.sub(lambda found: KEPT[found[1]] + " ", formula) for formula in broken]


def _settings(card: MethodCard) -> list[str]:
    """The table of the settings that are the method's own, with a text for those that few share."""
    rows = read.settings(card)
    if not rows:
        return ["No settings of its own.", ""]
    texts = any(text and text not in _shared() for _, _, _, text in rows)
    head = ["setting", "here", "paper", *(["what it is"] if texts else [])]
    lines = ["## Defaults", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, default, theirs, text in rows:
        here = default if default == read.GIVEN else f"`{default}`"
        cells = [
            f"`{name}`",
            here,
            _plain(theirs) or "–",
            *(["" if text in _shared() else _plain(text)] if texts else []),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


@cache
def _shared() -> set[str]:
    """What several cards would say of a setting; the interface says it too."""
    from trbook.cards import CARDS

    told = Counter(text for card in CARDS.values() for *_, text in read.settings(card))
    return {text for text, cards in told.items() if cards > 2}


def _cost(card: MethodCard) -> str:
    """What is computed for it beyond one forward and one backward pass per update, and its recorded
    time; empty: nothing, and it was not timed."""
    if card.name not in OBJECTIVES:
        return card.work[0].lower() + card.work[1:].removesuffix(".")
    parts = [*read.asks(card), *([card.passes] if card.passes else [])]
    told = ["also " + "; ".join(parts)] if parts else []
    if cost := read.cost(card):
        _, base, ratio = cost
        told.append(f"{ratio.value:.2f} times the processor time of {TIMED[base]}")
    return "; ".join(told)


def _claims(card: MethodCard, told: str) -> list[str]:
    """The table of claims and verdicts."""
    return ["## Claims", "", told, ""] if told else []


def _deviations(card: MethodCard, link: Link) -> list[str]:
    """How libraries differ, function by function; what several cards share stands on the first."""
    told: dict[str, list[str]] = {}
    for name, text in read.deviations(card):
        told.setdefault(name, []).append(_plain(text))
    lines = []
    for name, texts in told.items():
        first = _first(name)
        if first is not card:
            lines.append(f"- {link(name)}: see [{first.title}]({first.name}.md#in-libraries)")
        elif len(texts) == 1:
            lines.append(f"- {link(name)}: {texts[0]}")
        else:
            lines += [f"- {link(name)}:", *(f"  - {text}" for text in texts)]
    return ["## In libraries", "", *lines, ""] if lines else []


@cache
def _first(name: str) -> MethodCard:
    """The first card that names a function."""
    from trbook.cards import CARDS

    return next(card for card in CARDS.values() if name in card.functions)


def _plain(text: str) -> str:
    """Text for a cell: a bar would end it."""
    return text.replace("|", "\\|")
