"""Methods that have a place among the others and no code here: what a reader of 2026 meets besides
the book's.

Read in abstracts, or in the libraries' sources where no paper is named; thresholds are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from trbook.cards.card import Action, Level, Ratio


@dataclass(frozen=True)
class Elsewhere:
    """One method, by its place on the four axes."""

    title: str
    how: str
    """In a line, as the table of all methods shows it."""
    ratio: Ratio
    level: Level
    action: Action
    signed: bool | None
    arxiv: str = ""
    where: str = ""
    """Where it is found, without a paper of its own."""


ELSEWHERE = (
    Elsewhere(
        "PNPO",
        "the geometric mean of the ratios so far, with rejection",
        "π/μ",
        "prefix",
        "mask",
        False,
        "2608.01418",
    ),
)
