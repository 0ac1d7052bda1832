"""The cells of a sweep, checked. `trlab.cell_id` names them; `trlab.run_cell` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trlab.basin import LR, OVER_RATES
from trlab.cell import MEASURES, Cell
from trlab.cell_id import cell_id, defaults_of, knobs_of, make, outdated, today
from trlab.measures import DERIVED
from trlab.sweep import THRESHOLD, Sweep, Variant, product
from trlib import checks
from trlib.errors import unknown
from trlib.other_names import error_suffix

UPDATES = "updates"
"""The axis of updates of a batch."""
COUNTS = (UPDATES, "uses")
"""Axes whose labels are numbers: updates of a batch, uses of it."""
TAKEN = {
    *MEASURES,
    *DERIVED,
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


def cells(sweep: Sweep) -> list[Cell]:
    """Every cell of a sweep, checked, seed by seed.

    Raises:
        ValueError, TypeError: an unknown method, setting, axis, argument, task or knob (the nearest
            is suggested), a value outside its meaning, two cells that are the same.
    """
    try:
        sweep = as_recorded(sweep)
        all_cells = [
            _cell(sweep, variant, seed, labels, arguments)
            for seed in sweep.seeds
            for labels, arguments in product(sweep.axes)
            for variant in sweep.variants
        ]
        _check(sweep, all_cells)
    except (ValueError, TypeError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(
            f"sweep {sweep.name!r}: {error}"
        ) from error
    return all_cells


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
        sweep.every,
        sweep.texts,
    )
    return replace(bare, id=cell_id(bare, sweep.defaults))


def as_recorded(sweep: Sweep) -> Sweep:
    """The sweep with those defaults of its record that differ from today's written out."""
    if not changed(sweep):
        return sweep
    was = {section: outdated(section, held) for section, held in sweep.defaults.items()}
    return replace(
        sweep,
        train={**was.get("train", {}), **sweep.train},
        knobs={**was.get(f"task {sweep.task}", {}), **sweep.knobs},
        variants=[
            replace(one, settings={**was.get(f"method {one.method}", {}), **one.settings})
            for one in sweep.variants
        ],
    )


def changed(sweep: Sweep) -> dict[str, dict[str, tuple[Any, Any]]]:
    """The defaults that its record was made with and that differ from today's, by section
    (`method gspo`): what each was and what it is."""
    changes = {
        section: {
            name: (was, today(section)[name]) for name, was in outdated(section, held).items()
        }
        for section, held in sweep.defaults.items()
    }
    return {section: names for section, names in changes.items() if names}


def of_its_day(sweep: Sweep, method: str) -> str:
    """What a page says beside runs of a method where a default was another when they were made; empty:
    none was."""
    sections = {f"method {method}", "train", f"task {sweep.task}"}
    defaults = [
        f"{name} {was}, today {now}"
        for section, names in changed(sweep).items()
        if section in sections
        for name, (was, now) in names.items()
    ]
    return f"at the default of its day: {'; '.join(defaults)}" if defaults else ""


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
        list(defaults_of("train")),
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
                    *(f"task.{knob}" for knob in knobs_of(sweep.task)),
                ],
            )
    for name in (*sweep.train, *train):
        if name not in known:
            raise unknown("an argument of train", name, known, error_suffix)
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
    train = {**defaults_of("train"), **sweep.train, **variant.train}
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


def _check(sweep: Sweep, all_cells: list[Cell]) -> None:
    if not all_cells:
        raise ValueError("variants: expected at least 1, got none")
    labels = [variant.name for variant in sweep.variants]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise ValueError(
            f"variants: {sorted(twice)[0]!r} appears twice; give each a label of its own"
        )
    seen: dict[str, Cell] = {}
    for cell in all_cells:
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
