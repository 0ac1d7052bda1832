"""A cell: one run of `trlib.train`, evaluated. What decides it, and its name; `trlab.trial` runs
it."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlab.basin import LR, OVER_RATES
from trlab.measures import DERIVED
from trlab.sweep import THRESHOLD, Sweep, Variant, product
from trlib import checks
from trlib.arguments import as_json
from trlib.errors import unknown
from trlib.fields import settings as settings_of
from trlib.other_names import hint
from trlib.own import contents, is_own

if TYPE_CHECKING:
    from trlib.algorithms import Method

LEFT_OUT = ("steps", "seed", "checkpoint_every", "out", "resume", "progress")
"""Arguments of `trlib.train` that a sweep sets elsewhere or that decide nothing."""
MEASURES: dict[str, str] = {
    "sampled": "share of sampled completions that are right after training, on prompts that it "
    "does not draw from",
    "greedy": "the same for greedy completions",
    "pass_at_most": "probability that one of the evaluation's samples of a prompt is right",
    "distinct": "different right completions among a prompt's samples",
    "reward": "mean reward of the last five batches",
    "length": "mean tokens of a completion in the last batch",
    "entropy": "nats per token, in the last batch",
    "kl": "mean over batches of KL(mu || pi), nats per token",
    "kl_seq_back": "mean over batches of KL(pi || mu), nats per completion",
    "tv_max": "largest total variation of any token of any batch's probe",
    "kl_none": "mean over batches of KL(pi || mu), nats per completion, of prompts none of whose "
    "group was right",
    "kl_few": "the same of prompts of whose group up to a quarter was right",
    "kl_half": "the same of those with more, up to three quarters",
    "kl_many": "the same of those with still more, not all",
    "kl_all": "the same of those whose whole group was right",
    "kept": "mean over batches of the share of tokens that the region does not silence",
    "ratio_max": "largest ratio that the objective saw",
    "seconds": "wall time of training, one thread",
    "cpu_seconds": "processor time of it, which other processes on the machine disturb less",
}
"""What a cell measures, one column each."""
SINCE_SECOND_ROUND = (
    "kl_none",
    "kl_few",
    "kl_half",
    "kl_many",
    "kl_all",
    "distinct",
    "ess",
    "kl_sampler",
    "ess_seq",
    "age",
)
"""Measures and columns of a history that the first records lack: no part of a cell's digest, which
is thus the same for a run of either. They follow from what the digest covers."""
VERSION = "version"
"""A method's version among its defaults in a record; records from before there were versions have
none."""
UPDATES = "updates"
"""The axis of updates of a batch."""
COUNTS = (UPDATES, "uses")
"""Axes whose labels are numbers: updates of a batch, uses of it."""
TAKEN = {
    *MEASURES,
    "cell",
    "sweep",
    "label",
    "seed",
    "method",
    "settings",
    "train",
    "task",
    "steps",
    "status",
    "error",
    "sampled_low",
    "sampled_high",
    "digest",
    "command",
    "commit",
    "versions",
    "hardware",
    "date",
    "batch",
    "runs",
    "failed",
    "low",
    "high",
    "text",
}
"""Columns of a record or of what is made from it: an axis of such a name would overwrite it."""


@dataclass(frozen=True)
class Cell:
    """One run, completely described."""

    sweep: str
    label: str
    seed: int
    axes: Mapping[str, str]
    """The label at each axis."""
    method: str
    settings: Mapping[str, Any]
    train: Mapping[str, Any]
    """Arguments of `trlib.train` besides seed and steps, as far as the sweep gives them."""
    task: str
    knobs: Mapping[str, Any]
    policy: str
    steps: int
    prompts: int
    samples: int
    common: int | None = None
    """The evaluation's seed where all cells share one; None: the cell's own."""
    load: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `trlib.load_policy` besides the name."""
    aside: bool = False
    """Whether it also measures on completions put aside."""
    id: str = field(default="", compare=False)
    """A hash of what decides the cell; labels are not part of it."""

    @property
    def place(self) -> tuple[str, ...]:
        """Label and axes: what cells that differ in their seeds share."""
        return (self.label, *self.axes.values())

    def __str__(self) -> str:
        return ", ".join(
            [
                self.label,
                *(f"{name} {label}" for name, label in self.axes.items()),
                f"seed {self.seed}",
            ]
        )


def cells(sweep: Sweep) -> list[Cell]:
    """Every cell of a sweep, checked, seed by seed.

    Raises:
        ValueError, TypeError: an unknown method, setting, axis, argument, task or knob (the nearest
            is suggested), a value outside its meaning, two cells that are the same.
    """
    try:
        found = [
            _cell(sweep, variant, seed, labels, arguments)
            for seed in sweep.seeds
            for labels, arguments in product(sweep.axes)
            for variant in sweep.variants
        ]
        _check(sweep, found)
    except (ValueError, TypeError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(
            f"sweep {sweep.name!r}: {error}"
        ) from error
    return found


def _cell(
    sweep: Sweep, variant: Variant, seed: int, labels: dict[str, str], arguments: dict[str, Any]
) -> Cell:
    arguments = own_arguments(sweep, variant, labels, arguments)
    settings, train = settled(sweep, variant, arguments)
    knobs = {
        **sweep.knobs,
        **{name[5:]: value for name, value in arguments.items() if name.startswith("task.")},
    }
    steps = checks.whole("axis: steps", arguments.get("steps", sweep.budget.steps), least=1)
    policy = arguments.get("policy", sweep.task if sweep.policy is None else sweep.policy)
    bare = Cell(
        sweep.name,
        variant.name,
        seed,
        labels,
        variant.method,
        settings,
        {**sweep.train, **train},
        sweep.task,
        knobs,
        policy,
        steps,
        sweep.budget.prompts,
        sweep.budget.samples,
        sweep.budget.common,
        sweep.load,
        sweep.aside,
    )
    return replace(bare, id=_identity(bare))


def settled(
    sweep: Sweep, variant: Variant, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The variant's settings, and its own arguments of `trlib.train`, at a point of the axes.

    Raises:
        ValueError: an argument that nothing takes (the nearest is suggested), or that the variant
            sets for itself too.
    """
    settings, train, known = (
        dict(variant.settings),
        dict(variant.train),
        list(_defaults_of("train")),
    )
    for name in sorted(arguments.keys() & variant.train.keys()):
        raise ValueError(
            f"axis: {name} is set by variant {variant.name!r} for itself too; expected one of the "
            "two"
        )
    for name, value in arguments.items():
        if name == THRESHOLD:
            for radius, scaled in _scaled(sweep, variant, value).items():
                (train if radius in known else settings)[radius] = scaled
        elif name in known:
            train[name] = value
        elif name not in ("steps", "policy") and not name.startswith("task."):
            raise unknown(
                "axis",
                name,
                [
                    *known,
                    THRESHOLD,
                    "steps",
                    "policy",
                    *(f"task.{knob}" for knob in _knobs(sweep.task)),
                ],
            )
    for name in (*sweep.train, *train):
        if name not in known:
            raise unknown("an argument of train", name, known, hint)
    return settings, train


def own_arguments(
    sweep: Sweep, variant: Variant, labels: Mapping[str, str], arguments: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a point of the axes, with the variant's own where it has some
    (`Variant.instead`).

    Raises:
        ValueError: the variant names an axis or a label that the sweep does not have (the nearest
            is suggested).
    """
    for axis in sweep.axes:
        points, own = dict(axis.points()), variant.instead.get(axis.name, {})
        for label in own:
            if label not in points:
                raise unknown(f"variant {variant.name!r}: instead: {axis.name}", label, points)
        if labels[axis.name] in own:
            common = points[labels[axis.name]]
            arguments = {
                **{k: v for k, v in arguments.items() if k not in common},
                **own[labels[axis.name]],
            }
    for name in variant.instead:
        if name not in labels:
            raise unknown(f"variant {variant.name!r}: instead", name, labels)
    return arguments


def _scaled(sweep: Sweep, variant: Variant, factor: float) -> dict[str, Any]:
    """The variant's radius times `factor`, as far as it goes."""
    if not variant.threshold:
        raise ValueError(
            f"axis 'threshold': variant {variant.name!r} names no settings in `threshold`"
        )
    method = make(variant.method, variant.settings)
    train = {**_defaults_of("train"), **sweep.train, **variant.train}
    scaled: dict[str, Any] = {}
    for name, most in variant.threshold.items():
        value: Any = getattr(method, name, train.get(name))
        if isinstance(value, tuple):
            scaled[name] = tuple(min(part * factor, most) for part in value)
        elif isinstance(value, int | float):
            scaled[name] = min(value * factor, most)
        else:
            raise ValueError(
                f"axis 'threshold': variant {variant.name!r} has {name} = {value!r}, expected a "
                "number"
            )
    return scaled


def _check(sweep: Sweep, found: list[Cell]) -> None:
    if not found:
        raise ValueError("variants: expected at least 1, got none")
    labels = [variant.name for variant in sweep.variants]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise ValueError(
            f"variants: {sorted(twice)[0]!r} appears twice; give each a label of its own"
        )
    seen: dict[str, Cell] = {}
    for cell in found:
        if cell.id in seen:
            raise ValueError(f"variants: [{seen[cell.id]}] and [{cell}] are the same run")
        seen[cell.id] = cell
    axes = {axis.name: [label for label, _ in axis.points()] for axis in sweep.axes}
    for axis, points in axes.items():
        if axis in TAKEN:
            raise ValueError(
                f"axis: expected a name that is not a column of a record, got {axis!r}"
            )
        if axis in COUNTS and not all(_is_number(label) for label in points):
            raise ValueError(
                f"axis {axis!r}: expected labels that are numbers of {axis} of a batch, got "
                f"{points}; another name takes any labels"
            )
    for prediction in sweep.predictions:
        if prediction.higher == prediction.lower:
            raise ValueError(
                f"a prediction: expected two variants, got {prediction.higher!r} against itself"
            )
        for label in (prediction.higher, prediction.lower):
            if isinstance(label, str) and label not in labels:
                raise unknown("a prediction's variant", label, labels)
        if prediction.measure not in (known := {**MEASURES, **DERIVED, **OVER_RATES}):
            raise unknown("a prediction's measure", prediction.measure, known)
        if prediction.measure in OVER_RATES and (LR not in axes or LR in prediction.at):
            raise ValueError(
                f"prediction {prediction.text!r}: expected an axis {LR!r} and no point of it in "
                f"`at` (the measure {prediction.measure!r} is of the whole curve), got axes "
                f"{', '.join(axes)} and {dict(prediction.at)}"
            )
        for axis, label in prediction.at.items():
            if axis not in axes:
                raise unknown("a prediction's axis", axis, axes)
            if label not in axes[axis]:
                raise unknown(f"a prediction's {axis}", label, axes[axis])


def _is_number(label: str) -> bool:
    try:
        return float(label) > 0
    except ValueError:
        return False


# -- what decides a cell
# -----------------------------------------------------------------------------------------------


def make(method: str, settings: Mapping[str, Any]) -> Method:
    """A method by its name, or from a file of one's own.

    Raises:
        ValueError: an unknown name or setting, or a value outside its meaning.
    """
    kind = _kind(method)
    known = {
        f.name for f in fields(getattr(kind, "func", kind)) if f.init
    }  # a preset is a partial of a class
    for name in settings:
        if name not in known:
            raise unknown(f"a setting of {method!r}", name, known, hint)
    try:
        return kind(**settings)
    except (TypeError, ValueError):
        raise
    except Exception as error:
        raise ValueError(f"method {method!r}: {type(error).__name__}: {error}") from error


@cache
def _kind(method: str) -> Any:
    from trlib.methods import method_kind

    return method_kind(method)


def _identity(cell: Cell) -> str:
    """Twelve hexadecimal digits. Only what differs from a default is hashed: a new argument or
    setting whose default changes nothing leaves every name as it was. Whether a default itself has
    changed can be seen from `defaults`."""
    from trlib.loop.optimizers import maker
    from trlib.loop.settings import RunSettings
    from trlib.tasks import load_task

    method, plain_method = make(cell.method, cell.settings), make(cell.method, {})
    task, plain_task = load_task(cell.task, **cell.knobs), load_task(cell.task)
    _known(cell.policy)
    for name in cell.load:
        if name not in (arguments := _arguments_of_loading()):
            raise unknown("an argument of load_policy", name, arguments)
    given = _defaults_of("train")
    train = {**given, **cell.train}
    RunSettings(
        **{**train, "steps": cell.steps, "seed": cell.seed}
    )  # checks every value before anything runs
    maker(train["optimizer"])
    decided: dict[str, Any] = {
        "method": _named(cell.method, version_of(cell.method)),
        "settings": {
            f.name: _recorded(getattr(method, f.name))
            for f in fields(method)
            if getattr(method, f.name) != getattr(plain_method, f.name)
        },
        "train": {
            name: _named(value, vars(maker(value)).get("version")) if name == "optimizer" else value
            for name, value in train.items()
            if plain(value) != plain(given[name])
        },
        "task": [
            _named(cell.task),
            {
                name: value
                for name, value in task.settings.items()
                if value != plain_task.settings[name]
            },
        ],
        "policy": [*_weights(cell.policy), *([dict(cell.load)] if cell.load else [])],
        "steps": cell.steps,
        "seed": cell.seed,
        "evaluate": [cell.prompts, cell.samples, *([] if cell.common is None else [cell.common])],
        **({"aside": True} if cell.aside else {}),
    }
    data = {
        name: _digest(Path(value).read_bytes())
        for name, value in sorted(cell.knobs.items())
        if isinstance(value, str | Path) and Path(value).is_file()
    }
    if data:  # a task's problems decide its cells, wherever their file lies
        decided["task"][1].update(data)
    return _digest(json.dumps(plain(decided), sort_keys=True).encode())


def _named(name: str, version: int | str | None = None) -> Any:
    """What decides a method, task or optimiser: its name, and for one's own its version, or else
    the contents of its files."""
    if not is_own(name):
        return name if version in (None, 1) else [name, version]
    if version is not None:
        return [Path(name).name, version]
    file, *near = contents(name).items()
    beside = {other: _digest(data) for other, data in near}
    return [Path(name).name, _digest(file[1]), *([beside] if beside else [])]


def version_of(method: str) -> int | str | None:
    """What recorded runs know a method by; None: it is one's own, and its class says none.

    The version decides a cell in place of the method's text, which may be reformatted. A method of
    the package is version 1 unless it says otherwise, and a 1 is not hashed, so ids from before
    there were versions stay what they were. In one's own the version stands where the digest of the
    file stood: a method that was recorded without one keeps its cells if it takes that digest as
    its version.
    """
    kind = getattr(_kind(method), "func", _kind(method))
    said: int | str | None = vars(kind).get("version") if is_own(method) else kind.version
    return said


def defaults(found: list[Cell]) -> dict[str, Any]:
    """The defaults that a record was made with, as JSON holds them: of the loop, the evaluation,
    tasks and methods."""
    from trlib.tasks import load_task

    sections: dict[str, Any] = {
        "train": _defaults_of("train"),
        "evaluate": _defaults_of("evaluate"),
    }
    for cell in found:
        version = version_of(cell.method)
        if not is_own(cell.method):
            sections.setdefault(
                f"method {cell.method}", {**asdict(make(cell.method, {})), VERSION: version}
            )
        elif version is not None:
            sections.setdefault(f"method {Path(cell.method).name}", {VERSION: version})
        if not is_own(cell.task):
            sections.setdefault(f"task {cell.task}", load_task(cell.task).settings)
    return plain(sections)


@cache
def _defaults_of(function: str) -> dict[str, Any]:
    from trlib.evaluation import evaluate
    from trlib.loop.settings import RunSettings

    # Not the signature: Sphinx puts words in the place of its defaults, in the process that builds
    # the book.
    train = {s.name: s.default for s in settings_of(RunSettings)}
    given = {"train": train, "evaluate": evaluate.__kwdefaults__ or {}}[function]
    return {name: default for name, default in given.items() if name not in LEFT_OUT}


def _knobs(task: str) -> list[str]:
    from trlib.tasks import TASKS, task_kind

    return (
        list(inspect.signature(task_kind(task)).parameters) if task in TASKS or is_own(task) else []
    )


def _arguments_of_loading() -> list[str]:
    from trlib.model.policy import load_policy

    return [name for name in inspect.signature(load_policy).parameters if name != "name"]


def _known(policy: str) -> None:
    """Refuse a name that is not a model here and cannot be one of the hub's."""
    from trlib.model.gguf import PACKAGED
    from trlib.model.loading import embedded

    names = [*embedded(), *PACKAGED]
    if policy not in names and "/" not in policy and not Path(policy).exists():
        raise unknown("policy", policy, names)


@cache
def _weights(policy: str) -> list[str]:
    """A policy's name, with a hash of its weights where they are files here."""
    from trlib.model.loading import EMBEDDED

    embedded = EMBEDDED / policy
    folder = embedded if embedded.is_dir() else Path(policy)
    files = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
    name = policy if embedded.is_dir() or not files else Path(policy).name
    return [name, *(_digest(file.read_bytes()) for file in files)]


def _recorded(value: Any) -> Any:
    """A setting. A dataclass (a correction) is given without the bounds that it leaves off, which
    were added later."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return {k: v for k, v in asdict(value).items() if v is not None}


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=6).hexdigest()


plain = partial(as_json, otherwise=str)
"""A value as JSON holds it, the same however it was written; what JSON does not know, by its
text."""
