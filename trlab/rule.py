"""By which rule a sweep's comparisons are decided, and with which other sweeps' they are corrected.

Today's rule compares two arms as independent runs, whether or not they share seeds: arms with one
seed hardly correlate, so pairs win nothing, and below twelve runs they cost the exact test. Fewer
than `LEAST` seeds are a description, never a verdict. Holm's correction goes over the question
(`Sweep.question`), whichever files it is declared in.

A sweep of an earlier round keeps the verdict of its day. That rule compared runs with the same seed
and the same evaluation prompts in pairs, took any number of seeds, and corrected over the sweep. It
was changed after a look at its power, not at the side that it favours: chapter 11 has
the numbers, and where today's test decides otherwise a page prints both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from trlab.record import RecordError
from trlab.sweep import Sweep, declared, load_sweep

CHANGED = 6
"""The round from which on today's rule decides."""
LEAST = 12
"""Seeds that a verdict takes."""


@dataclass(frozen=True)
class Rule:
    """How a comparison is decided."""

    pairs: bool
    """Whether runs with the same seed make a pair, where they answered the same prompts."""
    least: int
    """Seeds that a verdict takes; fewer are a description."""


TODAY = Rule(pairs=False, least=LEAST)
BEFORE = Rule(pairs=True, least=1)
TODAY_S_TEST = Rule(pairs=False, least=1)
"""What the runs of an earlier round are asked beside the rule of their day."""


def rule_of(sweep: Sweep) -> Rule:
    """The rule that decides: of its day for a sweep of an earlier round, else today's."""
    return BEFORE if 0 < sweep.round < CHANGED else TODAY


def description(sweep: Sweep, rule: Rule) -> str:
    """Says of how many seeds its runs are a description: `4 of 12 seeds`, `8 seeds`. Empty: they can
    give a verdict."""
    held, awaited = len(sweep.seeds), len(sweep.awaited)
    if not awaited and held >= rule.least:
        return ""
    return f"{held} of {held + awaited} seeds" if awaited else f"{held} seed{'s' * (held > 1)}"


def beside(sweep: Sweep) -> list[str]:
    """The sweeps of the package that share a sweep's question, recorded or not: a question that is
    declared was asked, and no verdict changes its family when another record arrives."""
    if not sweep.question or sweep.source != sweep.name:  # a file of the same name is another
        return []
    return [name for name in _questions().get(sweep.question, ()) if name != sweep.name]


@lru_cache(maxsize=1)
def _questions() -> dict[str, list[str]]:
    """The sweeps of the package by their question."""
    by_question: dict[str, list[str]] = {}
    for name in declared():
        try:
            question = load_sweep(name).question
        except RecordError:  # it rests on a record that has not been made yet
            continue
        if question:
            by_question.setdefault(question, []).append(name)
    return by_question
