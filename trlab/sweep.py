"""What a sweep is: methods, settings, axes, seeds, task and budget, declared in one short Python
file.

    SWEEP = Sweep(
        text="Reusing a batch 32 times, with and without a trust region.",
        variants=(
            Variant("pg_is"),
            Variant("ppo"),
            Variant("ppo", {"eps_high": 0.28}, label="clip-higher"),
        ),
        axes=(Axis("lr", (3e-5, 1e-4)),),
        train={"minibatches": 8, "epochs": 4},
        budget=Budget(steps=25),
        predictions=(Prediction("the clip helps", higher="ppo", lower="pg_is"),),
    )

Predictions are in the file before it is run. Nothing here trains: `trlab.cell` says what one cell
is, and `trlab.runner` runs them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

from trlab import questions
from trlab.comparison import Comparison, Side
from trlib.arguments import number, validate, whole
from trlib.errors import unknown
from trlib.user_files import is_own, load

SWEEPS = Path(__file__).parent / "sweeps"
"""The declared sweeps, a file each."""
THRESHOLD = "threshold"
"""The axis that multiplies each variant's own radius."""


@dataclass(frozen=True)
class Variant:
    """A method with its settings, as one of those that a sweep compares."""

    method: str
    """A key of `trlib.algorithms.ALGORITHMS`, or `my.py:MyMethod` for one's own."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the method that are not its defaults."""
    label: str = ""
    """What tables and figures call it; empty: the method's name."""
    train: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `trlib.train` for this variant alone: an anchor, a learning rate of its own."""
    threshold: Mapping[str, float] = field(default_factory=dict)
    """Its radius: settings, or else an argument of `trlib.train`, each with its largest value. The
    axis `threshold` multiplies them, up to that value."""
    instead: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """By axis and label: the arguments that this variant takes there in place of the axis's own. A
    control that learns from fresh batches where the others use one again takes
    `{"uses": {"4": {"steps": 120}}}`."""

    edges: Sequence[str] = ()
    """The axes of the tuning that chose its settings on which the choice is the first or the last
    point that was tried: a better one may lie outside (`trlab.tuning`). Every verdict about it says
    *edge*."""

    def __post_init__(self) -> None:
        validate(self)
        for name in ("method", "label"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"variant: {name}: expected a word, got {getattr(self, name)!r}")
        for name in ("settings", "train", "threshold", "instead"):
            _is_mapping(f"variant {self.method!r}: {name}", getattr(self, name))
        for name, most in self.threshold.items():
            number(f"variant {self.method!r}: threshold[{name!r}]", most, above=0)

    @property
    def name(self) -> str:
        """The label, or what stands for it."""
        return self.label or self.method.rpartition(":")[2]


@dataclass(frozen=True)
class Axis:
    """One thing that is varied, for every variant alike; the cells are the product of a sweep's
    axes.

    Values are given one by one, `Axis("lr", (1e-4, 3e-4))`, or several arguments together under a
    label: `Axis("updates", {"1": {}, "32": {"minibatches": 8, "epochs": 4}})`.
    """

    name: str
    """An argument of `trlib.train`, `task.KNOB`, `steps`, `policy`, `threshold`, or any word if the
    values name their arguments."""
    values: Sequence[Any] | Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        validate(self)
        what = f"axis {self.name!r}"
        if isinstance(self.values, Mapping):
            _all_are(what, list(self.values.values()), Mapping)
        else:
            _several(what, self.values)

    def points(self) -> list[tuple[str, dict[str, Any]]]:
        """Label and arguments of each value."""
        if isinstance(self.values, Mapping):
            return [(label, dict(arguments)) for label, arguments in self.values.items()]
        return [
            (f"{value:g}" if isinstance(value, float) else str(value), {self.name: value})
            for value in self.values
        ]


@dataclass(frozen=True)
class Budget:
    """How much a cell may cost."""

    steps: int
    """Batches of training."""
    prompts: int = 512
    """Prompts of the evaluation after it."""
    samples: int = 8
    """Sampled completions of each."""
    common: int | None = None
    """The seed of the evaluation's prompts and samples, one for all cells: runs then differ by what
    they learned, not by what they were asked, and can be compared in pairs. None: each cell's own
    seed, as in the first two rounds."""
    minutes: float = 10.0
    """A cell that takes longer is stopped and reported, where there are workers."""

    def __post_init__(self) -> None:
        validate(self)
        for name in ("steps", "prompts", "samples"):
            whole(f"budget: {name}", getattr(self, name), least=1)
        if self.common is not None:
            whole("budget: common", self.common, least=0)
        number("budget: minutes", self.minutes, above=0)


@dataclass(frozen=True)
class Prediction:
    """A claim, written down before the runs."""

    text: str
    higher: str | float
    """The label of the variant that is expected to be higher, or a number that is."""
    lower: str | float
    """The label of the variant that is expected to be lower, or a number; a number stands for an
    interquartile mean, and one of the two is a label."""
    measure: str = "sampled"
    """What is compared: one of `trlab.cell.MEASURES`, `trlab.measures.DERIVED` or
    `trlab.basin.OVER_RATES`."""
    at: Mapping[str, str] = field(default_factory=dict)
    """Where, by axis and label; axes that are not named are pooled as tasks."""
    within: float | None = None
    """The two are alike: their interquartile means differ by less than this, whichever is higher.
    None: one is higher. A prediction that nothing differs may pool no axis (`nothing_differs`)."""
    tested: str = ""
    """What is tested, where that is less than the text says; the text stays as it was written
    before the runs."""

    @property
    def in_full(self) -> str:
        """The text, and beside it what of it is tested."""
        return f"{self.text} (tested: {self.tested})" if self.tested else self.text

    @property
    def nothing_differs(self) -> bool:
        """Whether it says that nothing rises, or that two are alike: over pooled axes one that does
        would hide."""
        return self.within is not None or not isinstance(self.higher, str)

    def __post_init__(self) -> None:
        sides = (self.higher, self.lower)
        if not all(isinstance(side, str | int | float) for side in sides) or not any(
            isinstance(side, str) for side in sides
        ):
            raise TypeError(
                "prediction: expected labels of variants as higher and lower, or a label and a "
                f"number, got {self.higher!r} and {self.lower!r}"
            )
        if self.within is not None:
            object.__setattr__(self, "within", number("prediction: within", self.within, above=0))
            if not all(isinstance(side, str) for side in sides):
                raise TypeError(
                    f"prediction: within: expected labels of two variants that are alike, got "
                    f"{self.higher!r} and {self.lower!r}"
                )
        _is_mapping("prediction: at", self.at)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A design: every variant at every point of the axes, once a seed."""

    text: str
    """What it asks, in a sentence or two."""
    title: str = ""
    """What a reader chooses it by, in a few words; empty: its name."""
    known: str = ""
    """What was known beforehand: the pilots that were run before the predictions were written, with
    their seeds and what they gave. A prediction that repeats a pilot is a replication, and a page
    that speaks of predictions prints this text. Empty: the declaration names no pilot."""
    provenance: str = ""
    """What a reader must know of how its record was made, beside the commit that the record
    names."""
    question: str = ""
    """What its predictions are corrected over: those of all sweeps with the same question, from the
    sixth round on; empty: its own."""
    variants: Sequence[Variant]
    budget: Budget
    axes: Sequence[Axis] = ()
    seeds: Sequence[int] = range(8)
    task: str = "dial"
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Knobs of the task."""
    policy: str | None = None
    """What `trlib.load_policy` loads; None: the task's own model."""
    load: Mapping[str, Any] = field(default_factory=dict)
    """Other arguments of `trlib.load_policy`: adapters (`lora`), a chat template (`chat`)."""
    train: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `trlib.train` that all cells share."""
    aside: bool = False
    """Whether every run also records what its updates did to completions that were put aside
    (`trlab.aside`)."""
    every: int = 1
    """The history keeps the first batch of every so many, and completions are put aside only there.
    Above 1, no measure of batches in a row follows from it (`trlab.measures.IN_A_ROW`)."""
    texts: int = 0
    """One batch of so many is kept with everything that was written (`trlab.texts`); 0: none. The
    runs are the same, to the last bit."""
    predictions: Sequence[Prediction] = ()
    comparisons: Sequence[Comparison] = ()
    """What is compared beside the predictions, wherever it is printed."""
    name: str = ""
    """The file's name, set when it is loaded."""
    tuned_on: Sequence[int] = ()
    """The seeds on which settings were chosen (`trlab.tuning`): none of them may be among
    `seeds`."""
    source: str = ""
    """What `trlib sweep` finds it by: its name, or the path of its file."""
    awaited: Sequence[int] = ()
    """Declared seeds of which its record lacks a run, set when it is read: a sweep takes several
    sittings. They are then not among `seeds`."""
    added: Sequence[str] = ()
    """What `beside` has added to the declared variants."""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The defaults that its record was made with, set when it is loaded: where today's differ, these
    decide its cells."""

    def __post_init__(self) -> None:
        validate(self)
        whole("every", self.every, least=1)
        whole("texts", self.texts, least=0)
        _all_are("variants", self.variants, Variant)
        _all_are("axes", self.axes, Axis)
        _all_are("predictions", self.predictions, Prediction)
        _all_are("comparisons", self.comparisons, Comparison)
        _several("seeds", self.seeds, least=1)
        _is_mapping("load", self.load)
        _all_are("budget", [self.budget], Budget)
        if both := sorted({*self.seeds} & {*self.tuned_on}):
            raise ValueError(
                f"seeds: expected none of those that chose the settings, got {both[0]} among both: "
                "a run that selected says nothing about how good the selection is"
            )
        for prediction in self.predictions:
            pooled = [
                axis.name
                for axis in self.axes
                if axis.name not in prediction.at and len(axis.points()) > 1
            ]
            if prediction.nothing_differs and pooled:
                raise ValueError(
                    f"prediction {prediction.text!r}: expected a point of every axis in `at`, got "
                    f"none of {', '.join(pooled)}: pooled with others, a place where something "
                    "differs would hide; predict each point"
                )

    def command(self, *, places: bool = True) -> str:
        """The command that runs it; without `places`, nothing in it names a folder."""

        def quoted(path: str) -> str:
            return path if places else Path(path).name

        own = "".join(f" --method {quoted(method)}" for method in self.added)
        smoke = " --smoke" if self.name.endswith("-smoke") else ""
        return f"trlib sweep {quoted(self.source or self.name)}{smoke}{own}"

    def smoke(self) -> Sweep:
        """The same design at the smallest size: one seed, one batch of 8 x 2. It proves that the
        code runs."""
        shorter = [
            replace(
                variant,
                instead={
                    axis: {label: self._shorter(own) for label, own in at.items()}
                    for axis, at in variant.instead.items()
                },
            )
            for variant in self.variants
        ]
        return replace(
            self,
            name=f"{self.name}-smoke",
            seeds=tuple(self.seeds)[:1],
            variants=shorter,
            train={**self.train, "prompts": 8, "group": 2, "probe": 2},
            budget=replace(self.budget, steps=1, prompts=2, samples=2),
        )

    def _shorter(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments that keep the ratio of their own steps, where they name some, to the budget's,
        which is now one step."""
        least = (
            {"steps": max(1, arguments["steps"] // self.budget.steps)}
            if "steps" in arguments
            else {}
        )
        return {**arguments, **least}

    def beside(self, methods: Sequence[str]) -> Sweep:
        """The sweep with methods of one's own, `my.py:MyMethod` each, as further variants."""
        return replace(
            self, variants=[*self.variants, *map(Variant, methods)], added=(*self.added, *methods)
        )


def _several(name: str, values: object, *, least: int = 0) -> None:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise TypeError(f"{name}: expected a list, got {values!r}")
    if len(values) < least:
        raise ValueError(f"{name}: expected at least {least}, got none")


def _is_mapping(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a dict, got {value!r}")


def _all_are(name: str, values: object, kind: type) -> None:
    """Check that `values` is a list of `kind`."""
    _several(name, values)
    for value in cast(Sequence[object], values):
        if not isinstance(value, kind):
            raise TypeError(f"{name}: expected {kind.__name__}, got {value!r}")


def declared() -> list[str]:
    """The names of the package's sweeps: those that have been recorded, and those that are to be run."""
    waiting = {path.stem for path in SWEEPS.glob("*.py") if not path.stem.startswith("_")}
    return sorted(waiting.union(questions.all_recorded()))


def load_sweep(name: str) -> Sweep:
    """A sweep by its name, or by the path of its file. One that has been recorded is what its record
    declares.

    A file whose sweep rests on another's record (settings that were tuned) has a function in place
    of a `Sweep`.

    Raises:
        ValueError: no such sweep (the nearest is suggested), or a file that declares none.
    """
    if stored := questions.entry(name):
        one = of_data(stored["declared"])
        return replace(one, name=name, source=name, defaults=stored["defaults"])
    path = Path(name) if name.endswith(".py") else SWEEPS / f"{name}.py"
    if not path.is_file():
        if name.endswith(".py"):
            raise ValueError(f"sweep: expected a file, got {name!r}, which is none")
        if Path(f"{name}.py").is_file():
            raise ValueError(
                f"sweep: expected one of {', '.join(declared())}, or a file, got {name!r}; did "
                f"you mean '{name}.py'?"
            )
        raise unknown("sweep", name, declared())
    sweep = getattr(load(path), "SWEEP", None)
    if callable(sweep):
        sweep = sweep()
    if not isinstance(sweep, Sweep):
        raise ValueError(
            f"sweep: expected SWEEP = trlab.Sweep(...) in {name!r}, got {type(sweep).__name__}"
        )
    return replace(sweep, name=path.stem, source=name, defaults={})


def product(axes: Sequence[Axis]) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Every point of the axes: its labels by axis, and its arguments.

    Raises:
        ValueError: an axis that appears twice or has no values; a label or an argument that appears
            twice.
    """
    if not axes:
        yield {}, {}
        return
    first, *rest = axes
    points = first.points()
    if (
        not points
        or len({label for label, _ in points}) < len(points)
        or first.name in [a.name for a in rest]
    ):
        raise ValueError(
            f"axis {first.name!r}: expected one axis of that name, with values that differ, got "
            f"{[label for label, _ in points]}"
        )
    for label, arguments in points:
        for labels, more in product(rest):
            twice = sorted(arguments.keys() & more.keys())
            if twice:
                raise ValueError(f"axis {first.name!r}: {twice[0]} is set by another axis too")
            yield {first.name: label, **labels}, {**arguments, **more}


# -- a sweep as data


def _comparison(**found: Any) -> Comparison:
    sides = {
        name: Side(**found[name]) if isinstance(found[name], Mapping) else found[name]
        for name in ("higher", "lower")
    }
    return Comparison(**{**found, **sides})


KINDS: dict[str, Callable[..., Any]] = {
    "variants": Variant,
    "axes": Axis,
    "predictions": Prediction,
    "comparisons": _comparison,
}
"""The parts of a sweep that are lists."""
PARTS = ("correction", "reference")
"""The settings of a method that are no plain values."""
NOT_DECLARED = ("name", "source", "awaited", "added", "defaults")
"""What a sweep is given when it is loaded."""


def as_data(value: Any) -> Any:
    """A sweep, or a part of one, as JSON has it: what differs from the defaults of its class; an
    infinity as the word `inf`, a method of one's own without its folder."""
    if is_dataclass(value) and not isinstance(value, type):
        given = NOT_DECLARED if isinstance(value, Sweep) else ()
        return {
            f.name: as_data(getattr(value, f.name))
            for f in fields(value)
            if f.name not in given and getattr(value, f.name) != _default(f)
        }
    if isinstance(value, Mapping):
        return {str(key): as_data(one) for key, one in value.items()}
    if isinstance(value, list | tuple | range):
        return [as_data(one) for one in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return Path(value).name if isinstance(value, str) and is_own(value) else value


def of_data(found: Mapping[str, Any]) -> Sweep:
    """The sweep that `as_data` made."""
    whole = _values(found)
    parts = {
        name: tuple(kind(**one) for one in whole[name])
        for name, kind in KINDS.items()
        if name in whole
    }
    return Sweep(**{**whole, **parts, "budget": Budget(**whole["budget"])})


def _values(value: Any) -> Any:
    if isinstance(value, Mapping):
        values = {key: _values(one) for key, one in value.items()}
        for name in PARTS:
            if isinstance(values.get(name), dict):
                from trlib import algorithms

                values[name] = getattr(algorithms, name.capitalize())(**values[name])
        return values
    if isinstance(value, list):
        return [_values(one) for one in value]
    if value in ("inf", "-inf"):
        return float(value)
    return _own(value) if isinstance(value, str) and is_own(value) else value


def _own(name: str) -> str:
    """A method of one's own where its file is: beside the records, or beside what is to be run."""
    beside = questions.RECORDS / questions.OWN / name
    return str(beside if Path(str(beside).rpartition(":")[0]).is_file() else SWEEPS / name)


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()
