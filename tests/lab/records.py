"""What tests of the laboratory share: a sweep of four tiny cells, records and runs made by hand."""

import itertools
import math
import time
from functools import cache

import pandas as pd

from trlab import Budget, Sweep, Variant
from trlab.cell_id import defaults
from trlab.cells import cells
from trlab.record import save_tables
from trlab.rows import Record, declaration
from trlab.sweep import declared, load_sweep
from trlab.take_in import take_in

TINY = """
from trlab import Axis, Budget, Prediction, Sweep, Variant

SWEEP = Sweep(
    text="four tiny cells",
    variants=[Variant("ppo"), Variant("dppo", {"delta_tv": 0.3}, label="wide")],
    axes=[Axis("updates", {"1": {}, "2": {"minibatches": 2}})],
    seeds=[0],
    train={"prompts": 2, "group": 2, "probe": 2},
    budget=Budget(steps=1, prompts=4, samples=2),
    predictions=[Prediction("more than nothing", higher="ppo", lower=-1.0)],
)
"""


STAMPS = itertools.count(1)
"""A new one for each record that is made here: what is decided is kept by it."""


@cache
def sweeps():
    """Every declared sweep by its name. Loaded once: some choose their settings from records, and
    tests are named after sweeps."""
    return {name: load_sweep(name) for name in declared()}


def one_cell(method, settings=None, *, steps=2, train=None, **more):
    """The cell of a sweep that is one short run."""
    variant = Variant(method, settings or {}, train=train or {})
    budget = Budget(steps=steps, prompts=4, samples=2)
    (cell,) = cells(Sweep(text="", variants=[variant], seeds=[3], budget=budget, **more))
    return cell


def entry(key, status="done", **values):
    """The row of a cell that has ended and its history."""
    history = {"reward": [0.1, 1 / 3], "kept": [1.0, math.nan]}
    return (
        {"cell": key, "status": status, "sampled": 0.1 + 0.2, "digest": f"of {key}", **values},
        history if status == "done" else None,
    )


def recorded_as(some, **values):
    """A record of cells, each an `entry` with these values."""
    record = Record()
    for cell in some:
        row, history = entry(cell.id, **values)
        record.add({**declaration(cell), **row}, history)
    return record


def save(folder, record, declared):
    """The tables of a record."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tables(folder, record, declared, defaults(declared))


def ship(monkeypatch, record, sweep, drawn=True):
    """Makes it the record of a sweep of the package, whose records are a folder of the test's."""
    with monkeypatch.context() as patched:
        patched.setattr("trlab.sweep.load_sweep", lambda name: sweep)
        take_in("asked", {sweep.name: (record, {})}, [sweep.name] if drawn else [])


def files(folder):
    """What a folder holds."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def runs_of(ends, *axes, **columns):
    """Finished runs by label and point of the axes: an accuracy for each seed, and columns that
    are the same in all."""
    return pd.DataFrame(
        [
            {
                "cell": " ".join([*place, str(seed)]),
                **dict(zip(("label", *axes), place, strict=True)),
                "seed": seed,
                "status": "done",
                "sampled": end,
                **columns,
            }
            for place, values in ends.items()
            for seed, end in enumerate(values)
        ]
    )


def history_of(runs, batches, **columns):
    """Their histories; a column is a function of a run and its batch."""
    return pd.DataFrame(
        [
            {"cell": run.cell, "batch": b} | {name: of(run, b) for name, of in columns.items()}
            for run in runs.itertuples()
            for b in range(batches)
        ]
    )


def until(condition, step=0.05):
    """Wait for a condition, two minutes at most."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(step)
