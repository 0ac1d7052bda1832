"""The recorded sweeps, packed for `RunExplorer`: every batch of every arm as an interquartile mean with its 95 % band.

An *arm* is a variant at a point of a sweep's axes, and its runs differ in their seeds alone. A curve is three rows of
numbers, the mean and the two bounds of `trlab.statistics.interval` at each batch, counted in steps:

    value = step · q,  or 10^(step · q) on a logarithmic scale;   |value - what the record says| ≤ step/2

A row is written as the differences of its q, from 0, with the sign in the lowest bit, in printable characters: one for
a difference below 64, two for a larger one; `~` is a batch that was not measured. What a run ends with (its accuracy,
the nats it spent) stands as a number of four digits. `tools.packs` writes the file; `js/run_explorer/pack.js` reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.findings import finished
from trlab.record import RECORDS, recorded
from trlab.statistics import band, interval
from trlab.sweep import Sweep, load_sweep, product
from trlib.evaluation import RESAMPLES

if TYPE_CHECKING:
    import pandas as pd

TITLES = {
    "reuse": "how often a batch may be used",
    "minibatches": "minibatches: noise or reuse",
    "tuned": "thresholds tuned alike",
    "rare": "rare tokens",
    "noise": "a sampler that is not the learner",
    "signed": "masks with and without a sign",
    "perprompt": "easy and hard prompts",
    "matched": "many right answers, reward matched",
    "expert": "an expert who errs",
    "grid": "the tuning runs",
    "resolution": "which divergence a mask sees",
    "lagged": "old data, used once: the sign",
    "shipped": "DPPO as four codes ship it",
    "troll_parts": "TROLL without a part",
    "gallery": "the gallery, tuned alike",
    "gallery_grid": "the gallery's tuning runs",
    "shootout": "minibatches of two prompts",
    "heatmap": "learning rate and minibatches",
    "mismatch": "four-bit sampler",
    "diversity": "many right answers",
    "tuning": "thresholds, untuned",
    "stale": "32 updates",
    "loops": "loops",
    "natural": "why TRPO ends lower",
    "ladder": "the ladder's first steps",
    "dial_methods": "every method, one update",
    "critic": "a critic",
    "trapo": "expert prefixes",
    "controls": "rewards that say nothing",
}
"""What a reader chooses by: the second round first, then the first. A sweep without a record is left out."""
SECOND = (
    "reuse",
    "minibatches",
    "tuned",
    "rare",
    "noise",
    "signed",
    "perprompt",
    "matched",
    "expert",
    "grid",
    "resolution",
    "lagged",
    "shipped",
    "troll_parts",
    "gallery",
    "gallery_grid",
)
"""The sweeps of the second round."""
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


def arm(runs: pd.DataFrame, history: pd.DataFrame, measures: Iterable[str], batches: int) -> dict[str, Any]:
    """One arm: what its finished runs end with, and its curves.

    A control that takes as many updates from more batches than the sweep's has every n-th of its batches in its curves,
    so that at one place as many updates lie behind it as behind the others.
    """
    good = finished(runs)
    nats = (good["kl"] * good["steps"]).to_numpy(float)
    packed: dict[str, Any] = {"runs": len(good), "accuracy": final(good["sampled"].to_numpy(float))}
    if np.isfinite(nats).all():
        packed["nats"] = final(nats)
    own = history[history["cell"].isin(good["cell"])]
    every = max(1, round((own["batch"].max() + 1) / batches))
    own = own[own["batch"] % every == 0]
    if every > 1:
        packed["every"] = every
    tables = {
        name: own.pivot(index="cell", columns="batch", values=name).loc[good["cell"]].to_numpy(float)
        for name in measures
    }
    packed["curves"] = {name: curve(table, name) for name, table in tables.items() if np.isfinite(table).all(0).any()}
    return packed


def pack(sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> dict[str, Any]:
    """A sweep for the page: axes, methods, and an arm for each method and point that has finished runs."""
    axes = {axis.name: [label for label, _ in axis.points()] for axis in sweep.axes}
    measures = [name for name in STEPS if name in history and history[name].notna().any()]
    arms = {}
    for labels, _ in product(sweep.axes):
        for variant in sweep.variants:
            own = runs[runs["label"] == variant.name]
            for axis, label in labels.items():
                own = own[own[axis].astype(str) == label]
            if len(finished(own)):
                arms["|".join([variant.name, *labels.values()])] = arm(own, history, measures, sweep.budget.steps)
    return {
        "name": sweep.name,
        "title": TITLES.get(sweep.name, sweep.name.replace("_", " ")),
        "text": sweep.text,
        "round": 2 if sweep.name in SECOND else 1,
        "task": sweep.task,
        "seeds": len(set(runs["seed"])),
        "batches": sweep.budget.steps,
        "axes": axes,
        "measures": measures,
        "methods": [v.name for v in sweep.variants if any(key.split("|")[0] == v.name for key in arms)],
        "arms": arms,
    }


def names() -> list[str]:
    """The sweeps that have a record, in the order of `TITLES`; one that it does not know comes last."""
    found = sorted(path.parent.name for path in RECORDS.glob("*/runs.csv"))
    known = list(TITLES)
    return sorted(found, key=lambda name: known.index(name) if name in known else len(known))


def digest(name: str) -> str:
    """What a sweep's record is now: a pack says which one it was made from."""
    tables = sorted((RECORDS / name).glob("*.csv*"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in tables)).hexdigest()[:12]


@cache
def _recorded(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    return recorded(name)


def packed(name: str) -> dict[str, Any]:
    """The pack of a recorded sweep."""
    return {**pack(load_sweep(name), *_recorded(name)), "record": digest(name)}


def format_of_packs() -> dict[str, Any]:
    """What the page must know to read them, and which code packed them."""
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return {"alphabet": ALPHABET, "gap": GAP, "steps": STEPS, "logarithmic": list(LOGARITHMIC), "code": code}
