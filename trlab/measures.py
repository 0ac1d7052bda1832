"""What a run's history says besides its end: how fast it took off, and where it stood when it
reached a reward.

Every number follows from runs and their histories. A record keeps them as columns of its runs, and
its histories only where one is drawn. A column that a history does not have gives no measure; a run
whose history has no number there gives NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

DERIVED: dict[str, str] = {
    "take_off": "mean reward of the first ten batches",
    "batches_to": "batches until the mean reward of three in a row reaches 0.7; a run that never "
    "does counts its batches and one more",
    "peak": "highest mean reward of three batches in a row",
    "collapsed": "1 if the run ends with at least ten points less than it had, and has lost more "
    "than half of its gain",
    "half_life": "first batch, counted from 1, whose mean reward is at most half of the best batch's "
    "before it; a run that never falls so far counts its batches and one more",
    "ess": "mean over batches of the ratios' effective sample size at a batch's last update, as a "
    "share",
    "kl_sampler": "mean over batches of KL(mu || pi) before a batch's first update, nats per token",
    "kl_aside": "mean over batches of KL(mu || pi) on completions put aside, nats per token",
    "kl_median": "median over batches of KL(mu || pi) on completions put aside, nats per token",
    "kl_own_median": "median over batches of KL(mu || pi) on the batch's own completions, nats per "
    "token: with one epoch per batch, from the policy that sampled it to the one after it",
    "gain": "mean over batches of (r - 1) A on the batch's own completions after its updates",
    "gain_aside": "the same on completions put aside",
    "luck": "what of the gain on its own completions a batch's updates do not win on others: gain "
    "- gain_aside",
    "noise": "sqrt(kl / n), with the run's mean kl and the n completions of a batch: what luck is "
    "proportional to where updates follow noise",
    "luck_scale": "luck / sqrt(kl / n), with the run's mean luck and kl and the n completions of a "
    "batch",
    "rank": "mean over the last five batches of the directions that hold 99 % of the energy of the "
    "last hidden layer",
    "fits": "mean over batches of the updates that a batch made",
    "start": "mean reward of the first batch, which is sampled before any update",
    "right_peak": "highest share of right completions of three batches in a row",
    "right_stopped": "share of right completions of the last three batches up to the one that ends "
    "more than 2 nats per completion from the reference, or of the run's last three",
    "reward_stopped": "mean reward of the same batches",
    "kl_ref_end": "divergence to the reference in the last five batches, nats per completion",
    "spent": "nats of divergence spent: batches times the mean KL(mu || pi); not measured where that of "
    "some batch was not",
}
"""Measures that follow from runs and histories, one column each; `derive` adds them. Where a history
has the share of right completions, `take_off`, `batches_to`, `peak`, `collapsed` and `start` are of
it: a reward may be a reward model's."""
LAST = 5
"""The batches of `rank`."""
FIRST = 10
"""The batches of `take_off`."""
LEVEL = 0.7
"""The reward of `batches_to`."""
LOST = 0.1
"""The accuracy that a collapsed run has given back at least."""
WINDOW = 3
"""Batches in a row whose mean reward must reach a level."""
BUDGET = 2.0
"""Nats per completion from the reference at which `right_stopped` stops."""

ALWAYS_AVAILABLE = {"take_off", "batches_to", "peak", "collapsed", "start"}
"""The measures that every history has."""
IN_A_ROW = {
    "take_off",
    "batches_to",
    "peak",
    "collapsed",
    "half_life",
    "rank",
    "right_stopped",
    "reward_stopped",
}
"""The measures that look at batches in a row: a history that keeps one batch of several has none of
them, because three kept batches in a row lie far apart."""


def derive(runs: pd.DataFrame, history: pd.DataFrame, every: int = 1) -> pd.DataFrame:
    """The runs with a column for each measure of `DERIVED` that their history has; runs that have
    them keep theirs.

    Args:
        runs: one row per cell, as `trlab.recorded` gives them; failed ones get NaN.
        history: one row per cell and batch, of these cells or of more.
        every: the history keeps one batch of so many (`Sweep.every`); above 1 nothing of `IN_A_ROW`
            is computed.

    In the book: :eq:`shootout-nats`.
    """
    if not len(runs) or "reward" not in history:  # no cell has ended, or no history is kept
        return runs
    # Runs that have them already: a record keeps them, and going through a history takes long.
    left_out = IN_A_ROW if every > 1 else set[str]()
    if {*runs} >= ALWAYS_AVAILABLE - left_out:
        new = runs["start"].isna() & runs["cell"].isin(history["cell"].unique())
        if not new.any():
            return runs
        made = derive(runs[new].drop(columns=[*({*runs} & {*DERIVED})]), history, every)
        found_columns = [name for name in DERIVED if name in made]
        whole = runs.reindex(columns=dict.fromkeys([*runs, *found_columns]))
        whole.loc[new, found_columns] = made[found_columns]
        return whole
    given = history
    if "right" in history:  # where a reward is no verdict, how good a run is is the verdict's share
        history = history.assign(reward=history["right"].fillna(history["reward"]))
    columns = {column for column, _ in FROM_HISTORY.values() if column in history}
    by_cell = {column: series(history, column) for column in columns}
    added: dict[str, Any] = {
        name: [measure(by_cell[column].get(cell, ())) for cell in runs["cell"]]
        for name, (column, measure) in FROM_HISTORY.items()
        if column in columns and name not in left_out
    }
    if "sampled" in runs and "collapsed" not in left_out:
        ends = zip(runs["cell"], runs["sampled"], strict=True)
        added["collapsed"] = [collapsed(by_cell["reward"].get(cell, ()), end) for cell, end in ends]
    for name in ("right", "reward") if {"right", "kl_ref_seq"} <= {*given} and every == 1 else ():
        values, far = series(given, name), series(given, "kl_ref_seq")
        added[f"{name}_stopped"] = [
            stopped(values.get(cell, ()), far.get(cell, ())) for cell in runs["cell"]
        ]
    if {"kl", "steps"} <= {*runs}:
        gaps = [
            "kl" in by_cell and bool(np.isnan(by_cell["kl"].get(cell, [0.0])).any())
            for cell in runs["cell"]
        ]
        nats = runs["kl"].to_numpy(dtype=float) * runs["steps"].to_numpy(dtype=float)
        added["spent"] = np.where(gaps, math.nan, nats)
    if "gain" in added:
        added["luck"] = np.subtract(added["gain"], added["gain_aside"])
    if "luck" in added and {"kl", "train"} <= {*runs}:
        kl, n = runs["kl"].to_numpy(dtype=float), runs["train"].map(completions).to_numpy()
        added["noise"] = np.sqrt(np.where(kl >= 0, kl, math.nan) / n)
        added["luck_scale"] = added["luck"] / np.where(added["noise"] > 0, added["noise"], math.nan)
    return runs.assign(**added)


def completions(train: str) -> int:
    """The completions of a batch, by a run's arguments of `trlib.train` as its record holds
    them."""
    from trlab.cell_id import defaults_of

    given = {**defaults_of("train"), **json.loads(train)}
    return int(given["prompts"] * given["group"])


def series(history: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """A column of a history by cell, batch by batch."""
    ordered = history.sort_values("batch", kind="stable")
    return {
        str(cell): part.to_numpy(dtype=np.float64) for cell, part in ordered.groupby("cell")[column]
    }


def batches_to(rewards: Sequence[float] | np.ndarray, level: float = LEVEL) -> float:
    """Batches until the mean reward of three in a row reaches `level`: the last of the three counts
    too.

    min {b : (R_b-2 + R_b-1 + R_b)/3 >= level},   b from 3 on

    A run that never reaches it is censored and counts its batches and one more; NaN where no three
    batches in a row have a reward. A mean that is short of the level by a rounding error has
    reached it.
    """
    means = _in_a_row(np.asarray(rewards, dtype=np.float64))
    if not np.isfinite(means).any():
        return math.nan
    reached = np.flatnonzero(means >= level - 1e-9)
    return float(reached[0] + WINDOW) if len(reached) else float(len(rewards) + 1)


def peak(rewards: Sequence[float] | np.ndarray) -> float:
    """The highest mean reward of three batches in a row: where a run stands that is stopped at its
    best.

    max {(R_b-2 + R_b-1 + R_b)/3},   b from 3 on

    NaN where no three batches in a row have a reward.
    """
    means = _in_a_row(np.asarray(rewards, dtype=np.float64))
    return float(np.nanmax(means)) if np.isfinite(means).any() else math.nan


def collapsed(rewards: Sequence[float] | np.ndarray, end: float) -> float:
    """Whether a run has collapsed: 1 if it ends with at least `LOST` less than the best it had and
    has given back more than half of what it had gained, else 0. NaN if it has no reward or no end.

    best - end >= max(LOST, (best - R_0) / 2),
        best the largest of R_0 and the means of three batches in a row

    R_0 is the reward of the first batch, sampled before any update. A run that never learns has not
    collapsed; one that falls below where it started by `LOST` has. Rewards must be 0 or 1, so that
    their mean is an accuracy.
    """
    known = np.asarray(rewards, dtype=np.float64)
    if not len(known) or not math.isfinite(known[0]) or not math.isfinite(end):
        return math.nan
    highest = peak(known)
    best = float(known[0]) if math.isnan(highest) else max(float(known[0]), highest)
    return float(best - end >= max(LOST, (best - known[0]) / 2) - 1e-9)


def half_life(rewards: Sequence[float] | np.ndarray) -> float:
    """The first batch, counted from 1, whose reward is at most half of the best before it.

    min {b : R_b <= max(R_1, ..., R_b-1) / 2}

    A run that never falls so far is censored and counts its batches and one more; NaN where a reward
    is missing. Rewards must not be negative.
    """
    known = np.asarray(rewards, dtype=np.float64)
    if not len(known) or not np.isfinite(known).all():
        return math.nan
    fallen = np.flatnonzero(known[1:] <= np.maximum.accumulate(known)[:-1] / 2)
    return float(fallen[0] + 2) if len(fallen) else float(len(known) + 1)


def stopped(
    values: Sequence[float] | np.ndarray,
    far: Sequence[float] | np.ndarray,
    budget: float = BUDGET,
) -> float:
    """The mean of a column over the last three batches up to the first that ends further than
    `budget` from the reference, or over the run's last three. NaN without a distance.

    A batch is sampled before its update, and its distance is measured after it: the batch that ends
    beyond the budget was still sampled within it.
    """
    if not len(far) or np.isnan(np.asarray(far, dtype=np.float64)).all():
        return math.nan
    beyond = np.flatnonzero(np.asarray(far, dtype=np.float64) > budget)
    end = int(beyond[0]) + 1 if len(beyond) else len(values)
    return _mean(values[max(0, end - WINDOW) : end])


def _in_a_row(values: np.ndarray) -> np.ndarray:
    """Means of three batches in a row, [B - 2]; NaN where one of them has no number."""
    if len(values) < WINDOW:
        return np.empty(0)
    return np.lib.stride_tricks.sliding_window_view(values, WINDOW).mean(-1)


def _median(values: Sequence[float] | np.ndarray) -> float:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else math.nan


def _mean(values: Sequence[float] | np.ndarray) -> float:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else math.nan


FROM_HISTORY: dict[str, tuple[str, Callable[[Any], float]]] = {
    "take_off": ("reward", lambda rewards: _mean(rewards[:FIRST])),
    "batches_to": ("reward", batches_to),
    "peak": ("reward", peak),
    "half_life": ("reward", half_life),
    "right_peak": ("right", peak),
    "kl_ref_end": ("kl_ref_seq", lambda far: _mean(far[-LAST:])),
    **{name: (name, _mean) for name in ("ess", "kl_sampler", "kl_aside")},
    **{name: (name, _mean) for name in ("gain", "gain_aside", "fits")},
    "kl_median": ("kl_aside", _median),
    "kl_own_median": ("kl", _median),
    "rank": ("rank", lambda rank: _mean(rank[-LAST:])),
    "start": ("reward", lambda rewards: float(rewards[0]) if len(rewards) else math.nan),
}
"""Measures of one column of the history: which, and what is made of its batches."""
