"""A method's card, which a person writes: the page `book/methods/NAME.md`, or a section of a page that
has several.

The comment at its head says what the tables of all methods need, and in a section its name. What is computed
has a line of its own, `<!--made runs-->`, and `book.build.cards.blocks` makes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from myst_parser.mdit_to_docutils.base import default_slugify

from book.build import advice
from trlib import arguments
from trlib.errors import unknown
from trlib.methods import OBJECTIVES

FAMILIES = ("policy gradient", "constraint", "ratio", "divergence", "expert")
"""Families of the main line."""
GALLERY: Mapping[str, str] = {
    "ratios": "Ratios and clips",
    "constraints": "Constraint and mirror descent",
    "regression": "Regression to the optimum",
    "preferences": "Preferences",
    "transport": "Optimal transport",
    "values": "Advantages and values",
    "optimizers": "Optimisers as trust regions",
    "finetuning": "Fine-tuning near a function",
    "classical": "Classical, and two players",
    "asynchrony": "Stale, asynchronous and long",
}
"""Branches of the gallery, and their titles."""
ACTIONS: Mapping[str, str] = {
    "nothing": "Nothing",
    "clip": "Clip: no gradient that leads further out",
    "clamp": "Clamp: a weight that grows no further",
    "mask": "Mask: the token gets gradient zero",
    "drop": "Drop: the whole completion gets gradient zero",
    "soften": "Soften: the weight fades gradually",
    "smooth": "Smooth: the loss is computed for another policy, such as a mixture",
    "center": "Center: the gradient that is expected under the sampler is subtracted",
    "penalise": "Penalise: distance has a price",
    "constrain": "Constrain: distance is bounded",
    "roll back": "Roll back: beyond a point the weight changes its sign",
    "project": "Project: the nearest distribution inside takes its place",
    "regress": "Regress: fit the optimum of a penalised step",
    "transport": "Transport: probability moves at a price that grows with the distance",
    "bound the step": "Bound the step: in the space of parameters",
}
"""What is done outside a region, and what it means, in the order of the picture of all methods."""
PROBLEMS = (
    "none, a control",
    "sample reuse",
    "choice of the radius",
    "clipped tokens",
    "outlying tokens",
    "rare tokens",
    "long completions",
    "completions judged as a whole",
    "stale data",
    "mismatch of sampler and learner",
    "few completions per prompt",
    "credit",
    "wrong or noisy rewards",
    "unequal advantages",
    "groups with equal rewards",
    "loss of entropy",
    "preferences",
    "an expert's completions",
    "forgetting in fine-tuning",
    "size of a step",
    "bandits, games, equations",
)
"""What a method is for, as the first paragraph of its card says it."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "family": (*FAMILIES, *GALLERY),
    "problem": PROBLEMS,
    "near": (
        "nothing",
        "the policy itself",
        "the policy before the batch",
        "the policy that sampled",
        "a reference",
        "the critic before the batch",
        "the weights before the step",
    ),
    "ratio": ("none", "π/π_old", "π/μ", "π_old/μ", "π/π_ref"),
    "level": (
        *("token", "prefix", "completion", "pair", "group", "distribution", "batch"),
        "parameters",
    ),
    "action": tuple(ACTIONS),
}
"""What the head of a card chooses among."""
SOURCES: Mapping[str, str] = {
    "code": r"the code of (.+?); not read in the paper\.",
    "quoted": r"as printed in (.+?); not read in the paper itself\.",
    "ours": r"ours, from (.+?)\.(?: |$)",
    "paper": r"(.+?) of the paper\.",
}
"""How the line *Formula:* of a card goes on, and what was read: the code of the authors or of a
library, without the paper; others who print the paper's formula; a problem that the abstract or a
summary states, of which we made ours; or the paper."""
BEGIN = re.compile(r"^(?=<!--\n(?:name|family): )", re.MULTILINE)
"""Where a card begins on a page."""
HEAD = re.compile(
    r"\A<!--\n(.*?)^-->\n+##? ([^\n]+)\n+"
    r"(?:(?:[^\n]+ )?Use it (.+?)[:.]\s|[^\n]+\n+<!--made use-->)",
    re.MULTILINE | re.DOTALL,
)
ARXIV = re.compile(r"\[arXiv [\d.]+\]\(https://arxiv\.org/abs/([\d.]+)\)")


@dataclass(frozen=True)
class Card:
    """One method."""

    name: str
    """A key of `trlib.algorithms.ALGORITHMS` or of `trlib.relatives.RELATIVES`."""
    title: str
    text: str = field(repr=False)
    """All of it."""
    use: str
    """When one uses it, or what for: the words after *Use it* in the card's first paragraph, or
    those of its rule of advice."""
    family: str
    problem: str
    """What it is for."""
    what: str
    """What is kept close."""
    to: str
    """To what."""
    how: str
    """By which means."""
    ratio: str
    """Which ratio the weight contains by default."""
    level: str
    """What is judged as one."""
    action: str
    """What happens outside the region."""
    signed: bool | None
    """Whether the advantage's sign decides which tokens are outside; None: no token is, or there is
    no advantage."""
    near: str = ""
    """`to` in one of a few words, where it says more."""
    long: str = ""
    """Its longer name, where the title is what the book calls it in running text."""
    passes: str = ""
    """Passes through the network besides one forward and one backward per update, which the
    record's time includes."""
    functions: tuple[str, ...] = ()
    """Dotted names whose docstrings say how libraries differ."""
    paper: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Settings as the paper or its authors' code has them, by our names."""
    page: str = ""
    """The name of the page that it is, or is a section of."""

    @property
    def link(self) -> str:
        """Its address, from another page in `book/methods`."""
        section = "" if self.page == self.name else f"#{default_slugify(self.title)}"
        return f"{self.page}.md{section}"

    @property
    def arxiv(self) -> str:
        """The number of its paper; empty: none."""
        match = ARXIV.search(self.text)
        return match[1] if match else ""

    @property
    def source(self) -> tuple[str, str]:
        """Where its formula comes from, in a word, and what was read.

        Raises:
            ValueError: the card does not say so, in one of the sentences of `SOURCES`.
        """
        lines = re.findall("^Formula: (.+)$", self.text, re.MULTILINE)
        for kind, words in SOURCES.items():
            if len(lines) == 1 and (match := re.match(words, lines[0])):
                return kind, match[1]
        raise ValueError(
            f"{self.name}.md: expected one line Formula: that goes on as one of "
            f"{'; '.join(SOURCES.values())}, got {lines}"
        )

    @property
    def is_reading(self) -> bool:
        """Whether the formula is ours, so that the authors' own may differ."""
        return self.source[0] == "ours"

    @property
    def is_objective(self) -> bool:
        return self.name in OBJECTIVES


def read_cards(path: Path) -> dict[str, Card]:
    """The cards of a page by their names; none: it is another kind of page."""
    parts = BEGIN.split(path.read_text(encoding="utf-8"))
    return {card.name: card for card in (_read(path, part) for part in parts[1:])}


def _read(path: Path, text: str) -> Card:
    """A card.

    Raises:
        ValueError: it does not begin with a comment, a heading and a paragraph with *Use it*; an unknown key; a
            word that is none of those that it chooses among.
    """
    match = HEAD.match(text)
    if match is None:
        raise ValueError(
            f"{path.name}: expected a comment of several lines, a heading and Use it ..., got "
            f"{text[:40]!r}"
        )
    given = {"name": path.stem, **yaml.safe_load(match[1])}
    for key in given:
        if key not in Card.__dataclass_fields__:
            raise ValueError(f"{path.name}, {unknown('key', key, Card.__dataclass_fields__)}")
    given["near"] = given.get("near", given["to"])
    given["functions"] = tuple(given.get("functions", ()))
    use = match[3] or f"when {advice.of_card(given['name'])['do']}"
    card = Card(title=match[2], text=text, use=use, page=path.stem, **given)
    for key, words in WORDS.items():
        arguments.choice(f"{card.name}, {key}", given[key], words)
    return card
