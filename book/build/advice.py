"""The book's advice, a rule each in `book/advice.yml`: tables of chapter 11, of *On Monday* and of the
sheet, the box on a method's page, and thresholds inside sentences ({rec}`rule NAME`).

On what a rule rests is counted or looked up when a page is written: a sweep that is not recorded, two
methods that no recorded cell compares, a source that `references.bib` does not have, or a rule that
rests on nothing is an error, and so is a second wording of a threshold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import yaml
from pybtex.database import parse_file

from book.build.markdown import folded, table
from book.build.paths import ROOT
from trlab import questions
from trlab.counted import RECOMPUTED, SAMPLER, comparisons, counts
from trlib.errors import unknown

FILE = ROOT / "book" / "advice.yml"
KINDS = {
    "proved": "a proof",
    "recorded": "recorded runs",
    "counts": "a count of our cells",
    "study": "a large public study",
    "default": "a library's default",
    "judgement": "judgement",
}
"""On what a rule rests, and how a page calls that."""
NAMES = {"R, tis": "rewards with TIS", "A, tis": "advantages with TIS", "pg_is": "the ratio alone"}
NAMES |= {
    "clip, stop .01": "the clip with an early stop",
    "clip": "the clip",
    "stop .01": "an early stop",
}
NAMES |= {
    "sft_plus_rl": "plain imitation with rewards",
    "ppo_penalty": "a KL penalty to the old policy",
}
NAMES |= {"ppo": "PPO's clip", "icepop": "IcePop", "clip-higher": "clip-higher"}
ANCHORS = {"": "", SAMPLER: " around the sampler", RECOMPUTED: " around recomputed log-probs"}
"""Of labels in records; a method's is its name in capitals."""
QUOTED = re.compile(
    r"<!--(rec rule .+?)-->.*?<!--/rec-->|^<!--made advice.*?^<!--/made-->",
    re.DOTALL | re.MULTILINE,
)
EVIDENCE = "[The evidence](claims.md#what-our-own-advice-rests-on)."
LINK = re.compile(r"\]\((?!http|#)")


@cache
def rules() -> Mapping[str, Mapping[str, Any]]:
    """Every rule by its name.

    Raises:
        ValueError: a rule that rests on nothing, or on what is not there.
    """
    for name, rule in _kept().items():
        if not KINDS.keys() & rule.keys():
            raise ValueError(f"advice.yml, {name}: expected one of {', '.join(KINDS)}, got none")
        try:
            for sweep in rule.get("recorded", {}).get("sweeps", ()):
                if sweep not in questions.all_recorded():
                    raise ValueError(unknown("recorded sweep", sweep, questions.all_recorded()))
            for key in rule.get("study", ()):
                if key not in _sources():
                    raise ValueError(unknown("source", key, _sources()))
            for one in rule.get("counts", ()):
                counted(*one)
        except ValueError as error:
            raise ValueError(f"advice.yml, {name}: {error}") from error
    return _kept()


@cache
def _kept() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


@cache
def _sources() -> Mapping[str, Any]:
    return parse_file(str(ROOT / "book" / "references.bib")).entries


def counted(
    method: str, against: str, where: Mapping[str, Any] | None = None, said: str = ""
) -> str:
    """All recorded cells that compare two methods, by their verdict.

    Args:
        where: settings of the runs that a cell has: a value, `any` or None.
        said: the same in words.
    """
    rows = _cells(method, against)
    found = counts(
        rows[rows["train"].map(lambda train: _meets(json.loads(train), where or {})).astype(bool)]
    )
    if not found.cells:
        raise ValueError(f"{method} beside {against}: expected a recorded cell, got none")
    names = [_called(one) for one in (method, against)]
    return f"{names[0]} beside {names[1]}{f' {said}' if said else ''}: {found}"


def _called(method: str) -> str:
    name, _, anchor = method.partition("@")
    return (NAMES.get(name) or name.upper()) + ANCHORS[anchor]


_cells = cache(comparisons)


def _meets(train: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    return all(
        train.get(key) is not None if wanted == "any" else train.get(key) == wanted
        for key, wanted in where.items()
    )


def threshold(name: str) -> str:
    """A threshold's one wording."""
    said = {name: rule["says"] for name, rule in _kept().items() if "says" in rule}
    if name not in said:
        raise ValueError(unknown("threshold of advice.yml", name, said))
    return said[name]


def one_wording(text: str, where: str) -> None:
    """Refuse a page that words a threshold itself where a rule's pattern finds it.

    Raises:
        ValueError: with the words, and what to write.
    """
    left = QUOTED.sub("", text)
    for name, rule in _kept().items():
        if "also" in rule and (match := re.search(rule["also"], left)):
            raise ValueError(f"{where}: expected {{rec}}`rule {name}`, got {match[0]!r}")


def evidence(rule: Mapping[str, Any]) -> Iterator[str]:
    """On what a rule rests, a sentence each, and what speaks against it."""
    for kind, called in KINDS.items():
        if kind not in rule:
            continue
        given = rule[kind]
        if kind == "recorded":
            pages = sorted({questions.page_of(sweep) for sweep in given["sweeps"]})
            links = ", ".join(f"[{page.split('/')[2]}](../{page})" for page in pages)
            given = f"{given['tasks']} ({links})" + (
                f": {given['says'].strip()}" if "says" in given else ""
            )
        elif kind == "counts":
            given = "; ".join(counted(*one) for one in given)
        elif kind == "study":
            given = "; ".join(f"{_cited(key)}: {says}" for key, says in given.items())
        yield f"*{called.capitalize()}:* {_sentence(given)}"
    if "against" in rule:
        yield f"*Against it:* {_sentence(rule['against'])}"


def _cited(key: str) -> str:
    source = _sources()[key]
    first = source.persons["author"][0].last_names[0]
    return f"[{first} and others {source.fields['year']}]({source.fields['url']})"


def _sentence(text: str) -> str:
    text = " ".join(str(text).split())
    return text if text.endswith((".", "?")) else f"{text}."


def answers(page: str) -> str:
    """The rules of one of chapter 11's questions, a line each, and the reason for each in a fold."""
    asked = [rule for rule in rules().values() if rule.get("page") == page]
    if not asked:
        raise ValueError(
            unknown(
                "question of advice.yml", page, {r["page"] for r in rules().values() if "page" in r}
            )
        )
    return "\n\n".join(
        f"**{rule['ask']}** {_sentence(rule['do'])}\n\n"
        + folded(f"{_sentence(rule['why'])} *Rests on:* {_kinds(rule)}. {EVIDENCE}", "Why")
        for rule in asked
    )


def _kinds(rule: Mapping[str, Any]) -> str:
    return ", ".join(called for kind, called in KINDS.items() if kind in rule)


def all_evidence(_: str) -> str:
    """On what the rules of chapter 11 rest, with all counts."""
    return "\n".join(
        f"- **{rule['ask']}** {' '.join(evidence(rule))}"
        for rule in rules().values()
        if "page" in rule
    )


def to_set(_: str) -> str:
    """What to set in TRL and verl."""
    rows = (
        (f"**{r['ask']}** {r['do']}", r.get("trl", ""), r.get("verl", ""))
        for r in rules().values()
        if "method" not in r and r.keys() & {"trl", "verl"}
    )
    return table(("what to do", "TRL", "verl"), rows)


def to_log(_: str) -> str:
    """What to log, and what follows from it."""
    rows = ((*r["log"], f"{r['then']}{_above(r)}") for r in rules().values() if "log" in r)
    return table(("log", "TRL", "verl", "and then"), rows)


def _above(rule: Mapping[str, Any]) -> str:
    return f", when it grows or is above {rule['says']}" if "says" in rule else ""


def of_methods(_: str) -> str:
    """The methods in a line each."""
    rows = (
        (f"{_linked(rule)} {rule['method'][1]}", rule["do"], rule["not"])
        for rule in rules().values()
        if "method" in rule
    )
    return table(("method", "use it when", "not when"), rows)


def _linked(rule: Mapping[str, Any]) -> str:
    name = f"**{rule['method'][0]}**"
    return f"[{name}](methods/{rule['card']}.md)" if "card" in rule else name


def by_line(_: str) -> str:
    """When to use each line of the sheet."""
    lined = sorted((r for r in rules().values() if "line" in r), key=lambda r: r["line"])
    return "\n".join(
        f"{r['line']}. {r['do']}. (Not when {r['not']}.) This line is **{r['method'][0]}**."
        for r in lined
    )


def of_card(name: str) -> Mapping[str, Any]:
    """The rule that says when to use the method of a page."""
    for rule in _kept().values():
        if rule.get("card") == name:
            return rule
    raise ValueError(f"{name}.md: expected a rule of advice.yml with this card, got none")


def box(name: str) -> str:
    """When to use a method, and on what that rests, on its page."""
    rule = of_card(name)
    when = (
        f"**Use it when** {_sentence(rule['do'])} **Do not use it when** {_sentence(rule['not'])}"
    )
    return LINK.sub("](../", f"{when}\n\n{folded(' '.join(evidence(rule)), 'On what this rests')}")


MAKERS: Mapping[str, Callable[[str], str]] = {
    "advice": answers,
    "advice-evidence": all_evidence,
    "advice-to-set": to_set,
    "advice-to-log": to_log,
    "advice-methods": of_methods,
    "advice-by-line": by_line,
}
