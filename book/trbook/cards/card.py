"""What a method card is: the facts of a method that its code cannot say, each written once.

Settings, boxes, costs, claims and the curve of its weight are read off the code and the records
(`trbook.cards.read` and `.curve`). Cards and comparison table are made of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Family = Literal[
    "policy gradient",
    "ratio",
    "divergence",
    "constraint",
    "expert",
    "ratios",
    "constraints",
    "regression",
    "preferences",
    "transport",
    "values",
    "optimizers",
    "finetuning",
    "classical",
    "asynchrony",
]
Ratio = Literal["none", "π/π_old", "π/μ", "π_old/μ", "π/π_ref"]
Level = Literal[
    "token", "prefix", "completion", "pair", "group", "distribution", "batch", "parameters"
]
Action = Literal[
    "nothing",
    "clip",
    "clamp",
    "mask",
    "soften",
    "smooth",
    "center",
    "penalise",
    "constrain",
    "pull back",
    "project",
    "drop",
    "regress",
    "transport",
    "bound the step",
]

Provenance = Literal["paper", "code", "quoted", "ours"]
"""Where a formula comes from: the paper; the code of its authors or of a library, without the paper;
others who print the paper's formula; or we, from a problem that the abstract or a summary states."""

FAMILIES: Mapping[Family, str] = {
    "policy gradient": "no region: what all others restrain",
    "constraint": "a divergence of the whole batch is bounded or charged",
    "ratio": "the ratio of a token or of a completion is clipped, clamped, softened or smoothed",
    "divergence": "a divergence of each token's or each prompt's distribution decides",
    "expert": "a region around what an expert wrote",
}
"""Families of the main line, and what makes them one."""
GALLERY: Mapping[Family, str] = {
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


@dataclass(frozen=True)
class MethodCard:
    """One method."""

    name: str
    """A key of `trlib.algorithms.ALGORITHMS` or of `trlib.relatives.RELATIVES`."""
    title: str
    family: Family
    loss: str
    """LaTeX: the loss of a token, before it is aggregated; for what is not an objective, its
    rule."""
    weight: str
    """LaTeX: its gradient weight w = -∂L/∂log π(y_t); empty: the card draws none."""
    what: str
    """What is kept close."""
    to: str
    """To what."""
    how: str
    """By which means."""
    ratio: Ratio
    """Which ratio the weight contains by default."""
    level: Level
    """What is judged as one."""
    action: Action
    """What happens outside the region."""
    signed: bool | None
    """Whether the advantage's sign decides which tokens are outside; None: no token is, or there is
    no advantage."""
    source: str
    """Authors and year."""
    arxiv: str = ""
    functions: tuple[str, ...] = ()
    """Dotted names whose docstrings say how libraries differ."""
    chapter: str = ""
    """The notebook that derives it, without its ending."""
    paper: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Settings as the paper or its authors' code has them, by our names: what the paper says, and
    where."""
    use: str = field(kw_only=True)
    """When one would use it: one plain sentence, the card's first. Required."""
    provenance: Provenance = field(kw_only=True)
    """Where the formula on the card comes from, in one of four words. Required."""
    read_in: str = field(kw_only=True)
    """What was read: equations or sections of the paper; whose code, with its version; who quotes
    the paper; or what we made the formula from. Required."""
    besides: str = ""
    """What of the card is from elsewhere, in whole sentences."""
    remark: str = ""
    """What a reader has to know before using it."""
    passes: str = ""
    """Passes through the network besides one forward and one backward per update, which the
    record's time includes."""
    work: str = ""
    """What it computes, in a sentence, where it is not an objective and makes no pass of its
    own."""
    no_curve: str = ""
    """Why the card draws no curve of a weight; empty: it draws one."""
    example: str = ""
    """A line for a shell that runs it on a small problem, where `trlib train` cannot."""
    near: str = ""
    """Which recorded runs under other names are of its kind, in a sentence of Markdown."""
    diff: str = ""
    """The line that it changes, as the body of a `diff`, where no page of the gallery shows it."""
    long: str = ""
    """Its longer name, where the title is what the book calls it in running text."""

    def __post_init__(self) -> None:
        if self.provenance not in get_args(Provenance):
            expected = ", ".join(repr(word) for word in get_args(Provenance))
            raise ValueError(
                f"provenance of {self.name!r}: expected one of {expected}, got {self.provenance!r}"
            )
        if not self.read_in:
            raise ValueError(f"read_in of {self.name!r}: expected what was read, got nothing")

    @property
    def is_reading(self) -> bool:
        """Whether the formula is ours, so that the authors' own may differ."""
        return self.provenance == "ours"
