"""What a sweep's base models do before training, measured as the ends of its runs are: the same
prompts, as many samples.

    python -m trlab.base        # measures what `records/base.json` lacks

The mean reward of first batches (`start` of `trlab.measures`) is another number: of as many prompts as a
sweep has seeds times prompts per batch, which no end was measured on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from trlab.cell import Cell
from trlab.cell_id import plain
from trlab.cells import cells
from trlab.questions import RECORDS
from trlab.record import all_recorded
from trlab.sweep import Sweep, load_sweep
from trlib.errors import MissingExtra, TrlibError
from trlib.evaluation import Estimate

FILE = RECORDS / "base.json"


def asked(cell: Cell) -> dict[str, Any] | None:
    """What decides a base model's accuracy; None: the cell's evaluation is its own seed's."""
    if cell.common is None:
        return None
    question: dict[str, Any] = plain(
        {
            "policy": cell.policy,
            "load": cell.load,
            "task": cell.task,
            "knobs": cell.knobs,
            "prompts": cell.prompts,
            "samples": cell.samples,
            "seed": cell.common,
        }
    )
    return question


def base_of(cell: Cell) -> Estimate | None:
    """The base model's sampled accuracy on the prompts that the cell's end is measured on; None: it
    was not measured."""
    question = asked(cell)
    known = None if question is None else _recorded().get(_key(question))
    return None if known is None else Estimate(known["sampled"], known["low"], known["high"])


def base_of_runs(sweep: Sweep, ids: Iterable[str]) -> Estimate | None:
    """The base model's accuracy where all of these runs began with one and the same that was
    measured; None otherwise."""
    if sweep.budget.common is None:
        return None
    wanted = set(ids)
    bases = {base_of(cell) for cell in cells(sweep) if cell.id in wanted}
    return bases.pop() if len(bases) == 1 else None


@cache
def _recorded() -> dict[str, Mapping[str, Any]]:
    if not FILE.is_file():
        return {}
    return {_key(entry["asked"]): entry for entry in json.loads(FILE.read_text(encoding="utf-8"))}


def _key(question: Mapping[str, Any]) -> str:
    return json.dumps(question, sort_keys=True)


def main() -> None:
    from trlab.provenance import provenance
    from trlib.evaluation import evaluate
    from trlib.model.policy import load_policy
    from trlib.tasks import load_task

    bases = {**_recorded()}
    every = [cell for name in all_recorded() for cell in cells(load_sweep(name))]
    missing = {_key(question): cell for cell in every if (question := asked(cell)) is not None}
    for key, cell in missing.items():
        if key in bases:
            continue
        try:
            policy = load_policy(cell.policy, **cell.load)
        except (TrlibError, MissingExtra) as error:  # a model that is not installed
            print(f"{cell.sweep}: {error}", file=sys.stderr)
            continue
        task = load_task(cell.task, **cell.knobs)
        seen = evaluate(
            policy, task, prompts=cell.prompts, samples=cell.samples, seed=cell.common or 0
        ).sampled
        bases[key] = {
            "asked": asked(cell),
            "sampled": seen.value,
            "low": seen.low,
            "high": seen.high,
            "made": provenance("python -m trlab.base"),
        }
        print(f"{cell.sweep}: {cell.policy} on {cell.task}: {seen}", file=sys.stderr)
    FILE.write_text(json.dumps(list(bases.values()), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
