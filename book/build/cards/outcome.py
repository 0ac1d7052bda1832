"""What a method reached in the recorded runs, with learning rate and uses of a batch, and the line
that runs it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from book.build.cards import GALLERY, Card
from trlab import recorded
from trlab.cell_id import outdated
from trlab.claims.text import STEPS_BY_RADIUS
from trlab.drawing.rates import written_rate
from trlab.findings import at, finished
from trlab.questions import page_of
from trlab.sweep import load_sweep
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES


@dataclass(frozen=True)
class Source:
    """Runs that cards show: a sweep, and points of one of its axes."""

    sweep: str
    axis: str = ""
    points: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What the sweep calls a card's method, where it is not the card's name."""
    of: Callable[[Card], bool] = lambda card: True
    """Which cards show it, where a sweep has labels for more."""

    @property
    def page(self) -> str:
        """The sweep's page, as a link from a page in `book/methods`."""
        return f"../../{page_of(self.sweep)}"


OF_2026 = ("kl3_clip", "bandpo", "turn_ppo", "ln_trm", "stale_mask", "dro", "oapl")
"""Methods that ran on `relay` only."""
CHILDREN = ("grpo", "dr_grpo", "dapo", "gmpo")
DPPO = {"dppo": "dppo-tv"}
PARTIAL = {"stale_mask": "stale_mask, partial"}
PPO = "ppo"
"""What every sweep calls PPO."""
SOURCES = (
    Source("dial_methods"),
    Source("best", "uses", ("1", "4", "16"), labels=DPPO),
    Source("children", "lr", ("1e-05", "0.0001"), of=lambda card: card.name in CHILDREN),
    Source("perprompt", "uses", ("4",), of=lambda card: card.name == "grpo"),
    Source("gallery_best", "uses", ("1", "8"), of=lambda card: card.family in GALLERY),
    Source("relay_best", "rate", ("own", "hot"), of=lambda card: card.family == "asynchrony"),
    Source(
        "relay_2026",
        "rate",
        ("own", "hot"),
        labels=PARTIAL,
        of=lambda card: card.name in OF_2026,
    ),
    Source("relay_sao", "rate", ("own", "hot"), of=lambda card: card.name == "sao"),
    Source(
        "critic",
        "updates",
        ("32",),
        of=lambda card: card.name == "ppo_critic",
    ),
    Source(
        "penalty",
        "updates",
        ("32",),
        labels={"ppo_penalty": "penalty, once a batch"},
        of=lambda card: card.name == "ppo_penalty",
    ),
    Source(
        "trapo",
        "moves",
        ("5", "1 to 8", "1 to 12"),
        labels={"sft_then_rl": "sft-then-rl", "sft_plus_rl": "sft+rl"},
    ),
    Source("loops", labels={"gae": "critic-region"}, of=lambda card: card.name == "gae"),
    Source("basin", "lr", ("1e-05", "3e-05", "0.0001"), labels=DPPO),
)
"""In the order of a card's table."""
HEADLINE = (
    "best",
    "gallery_best",
    "relay_best",
    "relay_2026",
    "relay_sao",
    "critic",
    "children",
    "trapo",
    "loops",
    "dial_methods",
)
"""Where the runs come from that a card's command repeats: the first of these sweeps that has the
method, at its most uses of a batch."""


@dataclass(frozen=True)
class Outcome:
    """Runs of one method at one place of a sweep."""

    source: Source
    label: str
    point: str
    """Point of the source's axis; empty: the sweep has none."""
    settings: Mapping[str, Any]
    """The method's settings that are not its defaults."""
    train: Mapping[str, Any]
    """Arguments of `trlib.train` that are not its defaults."""
    task: str
    knobs: Mapping[str, Any]
    """The task's settings that are not its defaults."""
    steps: int
    method: str
    seeds: tuple[int, ...]

    @property
    def rate(self) -> str:
        """The learning rate as a page writes it; *none* of a method whose radius sets its step."""
        return "none" if self.method == STEPS_BY_RADIUS else written_rate(self.lr)

    @property
    def lr(self) -> float:
        """The learning rate."""
        return float(self.train.get("lr", RunSettings.lr))

    @property
    def uses(self) -> int:
        """How often each batch is used."""
        return int(self.train.get("epochs", RunSettings.epochs))

    @property
    def quote(self) -> str:
        """The number as the role `rec` reads it."""
        return self._quote(self.label)

    @property
    def ppo(self) -> str:
        """PPO's number at the same place of the sweep, likewise, from runs with equal data, whatever
        learning rate and optimiser each of the two has; empty: the sweep has none, or these are PPO's
        own runs."""
        if self.label == PPO:
            return ""
        runs = _runs(self.source.sweep)
        here = at(runs, {self.source.axis: self.point} if self.point else {})
        own = _data(here, self.label)
        labels = sorted({label for label in here["label"] if label.startswith(f"{PPO}, ")})
        same = (label for label in (PPO, *labels) if _data(here, label) == own)
        return next(map(self._quote, same), "")

    def _quote(self, label: str) -> str:
        place = [f"{self.source.axis}={self.point}"] if self.point else []
        return f"{{rec}}`{shlex.join([self.source.sweep, label, *place])}`"


@cache
def outcomes(card: Card) -> tuple[Outcome, ...]:
    """Every recorded place that the card shows; empty: nothing of it was trained."""
    collected = []
    for source in SOURCES:
        if not source.of(card):
            continue
        label = source.labels.get(card.name, card.name)
        runs = _runs(source.sweep)
        for point in source.points or ("",):
            here = at(runs[runs["label"] == label], {source.axis: point} if point else {})
            if len(here):
                collected.append(_read(source, label, point, here))
    return tuple(collected)


sweep_of = cache(load_sweep)
"""A sweep by its name; many cards ask for the same."""


@cache
def _runs(sweep: str) -> Any:
    """Its finished runs; a record is read from its files at every call, and many cards ask for the
    same."""
    return finished(recorded(sweep)[0])


def _data(runs: Any, label: str) -> tuple[str, dict[str, Any]] | None:
    """What the runs with a label were trained on: their task, and all arguments of `trlib.train` but
    the learning rate and the optimiser; None: there are none."""
    of = runs[runs["label"] == label]
    if not len(of):
        return None
    train = json.loads(of.iloc[0]["train"])
    return of.iloc[0]["task"], {k: v for k, v in train.items() if k not in ("lr", "optimizer")}


def _read(source: Source, label: str, point: str, runs: Any) -> Outcome:
    first = runs.iloc[0]
    task, section = json.loads(first["task"]), f"method {first['method']}"
    held = sweep_of(source.sweep).defaults.get(section, {})
    return Outcome(
        source,
        label,
        point,
        {**outdated(section, held), **json.loads(first["settings"])},
        {
            name: value
            for name, value in json.loads(first["train"]).items()
            if value != getattr(RunSettings, name)
        },
        task["name"],
        {name: value for name, value in task.items() if name != "name"},
        int(first["steps"]),
        first["method"],
        tuple(sorted(runs["seed"].astype(int).unique())),
    )


def headline(card: Card) -> Outcome | None:
    """The outcome that a card's command repeats; None: nothing of it was trained."""
    all_outcomes = outcomes(card)
    for sweep in HEADLINE:
        of_sweep = [one for one in all_outcomes if one.source.sweep == sweep]
        if of_sweep:
            return max(of_sweep, key=lambda one: one.uses)
    return None


def command(card: Card) -> str:
    """The line that trains with the method: the settings of its headline."""
    shown = headline(card)
    method = _method(card)
    words = [f"trlib train --task {shown.task if shown else 'dial'} --method {method}"]
    if shown is None:
        return words[0]
    words += [f"--set {name}={written(value)}" for name, value in changed(card, shown).items()]
    words += [f"--knob {name}={written(value)}" for name, value in shown.knobs.items()]
    words += [f"--{name.replace('_', '-')} {written(value)}" for name, value in shown.train.items()]
    words += [f"--steps {shown.steps}"] if shown.steps != STEPS else []
    return " ".join(words)


def changed(card: Card, one: Outcome) -> dict[str, Any]:
    """The method's settings in a recorded run that are not the defaults of the card's method. Those
    of a correction come after a dot. A correction is given whole, so all that differ from its own
    defaults are listed."""
    usual = OBJECTIVES[_method(card)]()
    changes: dict[str, Any] = {}
    for name, value in one.settings.items():
        default = getattr(usual, name)
        if isinstance(value, dict):
            changes |= {
                f"{name}.{part}": own
                for part, own in value.items()
                if own != getattr(type(default)(), part)
            }
        elif value != default:
            changes[name] = value
    return changes


def _method(card: Card) -> str:
    """The objective that trains: the card's, or the one beside which its optimiser ran."""
    return card.name if card.name in OBJECTIVES else "ppo"


STEPS = 60
"""Batches of `trlib train` by default."""


def written(value: object) -> str:
    """As the command line reads it; a number to four digits."""
    if isinstance(value, list):
        return ",".join(map(written, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
