"""The recorded sweeps, packed for `RunExplorer`: every batch of every arm as an interquartile mean
with its 95 % band.

An *arm* is a variant at a point of a sweep's axes, and its runs differ in their seeds alone. A
curve is three rows of numbers, the mean and the two bounds of `trlab.statistics.interval` at each
batch, counted in steps:

    value = step · q,  or 10^(step · q) on a logarithmic scale;
        |value - what the record says| ≤ step/2

A row is written as the differences of its q, from 0, with the sign in the lowest bit, in printable
characters: one for a difference below 64, two for a larger one; `~` is a batch that was not
measured. What a run ends with (its accuracy, the nats it spent) stands as a number of four digits.
`tools.pack.packs` writes the file; `js/run_explorer/pack.js` reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.findings import at, finished
from trlab.record import RECORDS, all_recorded, recorded
from trlab.statistics import band, interval
from trlab.sweep import Sweep, load_sweep, product
from trlib.evaluation import RESAMPLES

if TYPE_CHECKING:
    import pandas as pd

STEPS = {
    "reward": 0.004,
    "kl": 0.02,
    "tv_max": 0.004,
    "entropy": 0.01,
    "kept": 0.004,
    "length": 0.05,
    "distinct": 0.02,
    "ess": 0.004,
    "kl_sampler": 0.02,
}
"""What is drawn over batches, and the step it is counted in; divergences in decades."""
LOGARITHMIC = ("kl", "kl_sampler")
LEAST = 1e-7
"""Nats: below it a divergence counts as this much."""
ALPHABET = "".join(chr(code) for code in range(35, 127) if chr(code) not in "\\~<&")[: 64 + 24]
"""64 that stand for themselves, and 24 that say how many times 64 come before the next one."""
MOST = ((len(ALPHABET) - 64) * 64 + 63) // 2
"""Steps that a difference may have; the length of a completion of `relay` has more, and is left
out."""
GAP = "~"


def encode(row: Iterable[int | None]) -> str:
    """A row of whole numbers, None where nothing was measured, as characters."""
    text, last = [], 0
    for number in row:
        if number is None:
            text.append(GAP)
            continue
        step, last = number - last, number
        code = 2 * step if step >= 0 else -2 * step - 1
        if code >= 64:
            text.append(ALPHABET[64 + min(code // 64, len(ALPHABET) - 64) - 1])
        text.append(ALPHABET[code % 64])
    return "".join(text)


def curve(values: np.ndarray, measure: str) -> list[str]:
    """Mean, lower and upper bound of an arm's runs [seeds, batches], each as characters."""
    whole = np.isfinite(values).all(0)
    found = np.full((3, values.shape[1]), np.nan)
    found[:, whole] = band(values[:, whole], resamples=RESAMPLES)
    if measure in LOGARITHMIC:
        found = np.log10(np.maximum(found, LEAST))
    counted = np.round(found / STEPS[measure])
    return [encode(None if np.isnan(q) else int(q) for q in row) for row in counted]


def final(values: np.ndarray) -> list[float | None]:
    """Mean and bounds of what the runs of an arm end with, to four digits."""
    estimate = interval(values)
    return [
        float(f"{number:.4g}") if np.isfinite(number) else None
        for number in (estimate.value, estimate.low, estimate.high)
    ]


def arm(
    runs: pd.DataFrame, history: pd.DataFrame, measures: Iterable[str], batches: int
) -> dict[str, Any]:
    """One arm: what its finished runs end with, and its curves.

    A control that takes as many updates from more batches than the sweep's has every n-th of its
    batches in its curves, so that at one place as many updates lie behind it as behind the others.
    Of one that has fewer batches nothing is drawn where it had ended.
    """
    good = finished(runs)
    nats = (good["kl"] * good["steps"]).to_numpy(float)
    packed: dict[str, Any] = {"runs": len(good), "accuracy": final(good["sampled"].to_numpy(float))}
    if np.isfinite(nats).all():
        packed["nats"] = final(nats)
    own = history[history["cell"].isin(good["cell"])]
    every = max(1, round((own["batch"].max() + 1) / batches))
    if every > 1:
        packed["every"] = every
    tables = {
        name: own.pivot(index="cell", columns="batch", values=name)
        .reindex(index=good["cell"], columns=range(0, every * batches, every))
        .to_numpy(float)
        for name in measures
    }
    packed["curves"] = {
        name: curve(table, name)
        for name, table in tables.items()
        if np.isfinite(table).all(0).any()
    }
    return packed


def pack(sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> dict[str, Any]:
    """A sweep for the page: axes, methods, and an arm for each method and point that has finished
    runs."""
    axes = {axis.name: [label for label, _ in axis.points()] for axis in sweep.axes}
    measures = [
        name
        for name in STEPS
        if name in history and history[name].notna().any() and _fits(name, history)
    ]
    arms = {}
    for labels, _ in product(sweep.axes):
        for variant in sweep.variants:
            here = at(runs[runs["label"] == variant.name], labels)
            if len(finished(here)):
                arms["|".join([variant.name, *labels.values()])] = arm(
                    here, history, measures, sweep.budget.steps
                )
    return {
        **described(sweep),
        "task": sweep.task,
        "seeds": len(set(runs["seed"])),
        "batches": sweep.budget.steps,
        "axes": axes,
        "measures": measures,
        "methods": [
            v.name for v in sweep.variants if any(key.split("|")[0] == v.name for key in arms)
        ],
        "arms": arms,
    }


def _fits(measure: str, history: pd.DataFrame) -> bool:
    """Whether the code can hold what was measured."""
    return measure in LOGARITHMIC or bool(history[measure].max() <= MOST * STEPS[measure])


def described(sweep: Sweep) -> dict[str, Any]:
    """What a pack says of a sweep that no run changes."""
    return {
        "name": sweep.name,
        "title": sweep.title or sweep.name,
        "text": sweep.text,
        "round": sweep.round,
    }


LEFT_OUT = ("gallery_grid", "gallery_map", "relay_map")
"""Sweeps that only chose, whose runs a page shows whole: the file that a page loads stays below 1.5
MB without them."""


def names() -> list[str]:
    """The sweeps that have a record, less `LEFT_OUT`: the latest round first, each round by
    title."""
    shown = [load_sweep(name) for name in all_recorded() if name not in LEFT_OUT]
    return [sweep.name for sweep in sorted(shown, key=lambda sweep: (-sweep.round, sweep.title))]


def digest(name: str) -> str:
    """What a sweep's record is now: a pack says which one it was made from."""
    tables = sorted((RECORDS / name).glob("*.csv*"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in tables)).hexdigest()[:12]


def packed(name: str) -> dict[str, Any]:
    """The pack of a recorded sweep."""
    return {**pack(load_sweep(name), *recorded(name)), "record": digest(name)}


def format_of_packs() -> dict[str, Any]:
    """What the page must know to read them."""
    return {
        "alphabet": ALPHABET,
        "gap": GAP,
        "steps": STEPS,
        "logarithmic": list(LOGARITHMIC),
    }
