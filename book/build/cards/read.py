"""What a method's code and the recorded runs say for its card."""

from __future__ import annotations

import inspect
import re
from functools import cache
from importlib import import_module
from typing import Any

from book.build.cards.card import Card
from trlab import recorded
from trlab.statistics import iqm
from trlib import fields
from trlib.algorithms import Method
from trlib.algorithms.trapo import WithExpert
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES
from trlib.relatives import RELATIVES
from trlib.relatives.optimizers import RELATIVES as OPTIMIZERS

STAGES = {"plan": "rollout", "prepare": "advantage", "objective": "objective", "update": "update"}
"""The loop's stages by the method of `Method` that fills them."""
DIFFERS = re.compile(
    r"^ *Differs from(?: the authors' recipe)?: *(.*?)(?:\n *\n|\Z)", re.DOTALL | re.MULTILINE
)
ASKED = {
    "reference": "log-probabilities of a reference policy",
    "full": "the policy's whole distribution at every token",
    "full_anchor": "the anchor's whole distribution at every token",
    "hidden": "the hidden states that the output layer reads",
    "critic": "a critic",
}
"""What `Needs` may ask for besides log-probabilities of the sampled tokens."""
TIMED, BASE = "dial_methods", "reinforce"
"""The sweep that times methods alike, and the method that the others are compared with."""
STEPS = ("lr", "betas", "weight_decay")
"""Settings of a run that an optimiser takes."""
GIVEN = "you give it"
"""In place of the default of a setting that has none."""


def stages(card: Card) -> list[str]:
    """The stages that a method changes, including an advantage that it only sets."""
    entry = OBJECTIVES[card.name]
    kind = fields.dataclass_of(entry)
    parts = {**STAGES, "token_loss": "objective"}
    changed = {
        stage for part, stage in parts.items() if getattr(kind, part) is not getattr(Method, part)
    }
    own = [stage for stage in STAGES.values() if stage in changed]
    if "advantage" not in own and entry().advantage != Method().advantage:
        own.insert(own.index("objective") if "objective" in own else 0, "advantage")
    return own


def settings(card: Card) -> list[tuple[str, str, str, str]]:
    """(name, default here, the paper's, what it is) of every setting of the method's own. For an
    optimiser they are the run's, for a function its numbers and words; one without a default is
    `GIVEN`.
    """
    if card.name in OBJECTIVES:
        return _of_an_objective(card)
    if card.name in OPTIMIZERS:
        rows = [
            (one.name, repr(one.default), one.text)
            for one in fields.settings(RunSettings)
            if one.name in STEPS
        ]
    else:
        parameters = inspect.signature(RELATIVES[card.name], eval_str=True).parameters.values()
        own = [one for one in parameters if one.annotation in (float, int, str, bool)]
        rows = [
            (one.name, GIVEN if one.default is one.empty else repr(one.default), "") for one in own
        ]
    return [
        (name, default, card.paper.get(name, ""), " ".join(words.split()))
        for name, default, words in rows
    ]


def _of_an_objective(card: Card) -> list[tuple[str, str, str, str]]:
    """Those whose default is the method's own, and those of which the paper's value is known."""
    shared, plain = (
        {(field.name, repr(field.default)) for field in fields.settings(Method)},
        OBJECTIVES[card.name](),
    )
    return [
        (
            field.name,
            repr(getattr(plain, field.name)),
            card.paper.get(field.name, ""),
            " ".join(field.text.split()),
        )
        for field in fields.settings(OBJECTIVES[card.name])
        if (field.name, repr(field.default)) not in shared or field.name in card.paper
    ]


def asks(card: Card) -> list[str]:
    """What the method asks the loop to compute besides the log-probabilities of the sampled tokens."""
    method = OBJECTIVES[card.name]()
    needs = method.needs(method.anchor)
    needed = [words for name, words in ASKED.items() if getattr(needs, name)]
    needed += [f"the anchor's {needs.topk_anchor} most likely tokens"] if needs.topk_anchor else []
    return needed + (["an expert's completions"] if isinstance(method, WithExpert) else [])


@cache
def _times() -> Any:
    """Processor time of a run over that of the base, by method and seed."""
    runs = recorded(TIMED)[0]
    seconds = runs.groupby(["label", "seed"])["cpu_seconds"].mean().unstack("seed")
    return seconds / seconds.loc[BASE]


def cost(card: Card) -> float | None:
    """The interquartile mean of these; None: the method is the base, or was not timed."""
    if card.name == BASE or card.name not in _times().index:
        return None
    return iqm(_times().loc[card.name].dropna().to_numpy())


def deviations(card: Card) -> list[tuple[str, str]]:
    """(dotted name, how libraries differ from it), from the docstrings that the card names.
    Raises ValueError: it names a function that there is not."""
    differences = []
    for name in card.functions:
        module, _, attribute = name.rpartition(".")
        try:
            text = inspect.getdoc(getattr(import_module(module), attribute)) or ""
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(
                f"{card.name}.md, functions: expected package.module.function, got {name!r}: {error}"
            ) from None
        differences += [(name, " ".join(sentence.split())) for sentence in DIFFERS.findall(text)]
    return differences
