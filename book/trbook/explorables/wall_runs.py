"""What `wall` shows: every answer of three recorded runs of SmolLM2 on sums, and the right answers of
other runs with the same settings.

`python -m book.build.pack.packs wall` packs them; a test compares the two.
"""

from __future__ import annotations

import re
from typing import Any

from trlab.record import read
from trlab.texts import Written, texts_of
from trlib.tasks.aloud import ANSWER

SWEEP = "real_words"
LOOKS = {"once": "once", "eight times": "reuse", "eight times, clipped": "clip"}
"""Of each run, by its label: the lane of `trlab/drawing/looks.json` whose look it has."""
AGAIN = ("real_methods_first", "real_methods", "real_regions")
"""Sweeps that have these runs with other seeds; the last has how the second of them ended, alone."""
LABELS, RATE = ("pg_is, once", "pg_is", "ppo"), "1e-05"
"""What the three are called there, and their learning rate."""
RIGHT, WRONG, NO_NUMBER = "1", "0", "-"
SAME = "="
"""Stands for an answer that is the one before it."""
END = ("sampled", "sampled_low", "sampled_high")


def pack() -> dict[str, Any]:
    """The record, JSON-able, as `built/wall.data.json` holds it.

    Each lane has by batch a sign for every answer (`tiles`) and the answers (`said`), and the share
    of right answers to new sums with its 95 % interval (`end`). `again` has, of every other seed, by
    lane the right answers of its batches and that share, or null for what was not recorded.
    """
    sweep, runs, _ = read(SWEEP)
    runs = runs.set_index("label")
    written = {label: texts_of(runs.loc[label]) for label in LOOKS}
    lanes = [
        {
            "name": label,
            "look": look,
            "tiles": ["".join(map(sign, batch)) for batch in written[label].values()],
            "said": [shortened(batch) for batch in written[label].values()],
            "end": [round(float(runs.loc[label, key]), 3) for key in END],
        }
        for label, look in LOOKS.items()
    ]
    asked = [batch[:: sweep.train["group"]] for batch in written["once"].values()]
    return {
        "command": "python -m book.build.pack.packs wall",
        "sweep": SWEEP,
        "seed": sweep.seeds[0],
        "tested": sweep.budget.prompts * sweep.budget.samples,
        "asked": [[one.prompt.rstrip(":") for one in batch] for batch in asked],
        "lanes": lanes,
        "again": [run for name in AGAIN for run in others(name)],
    }


def sign(one: Written) -> str:
    """What became of an answer."""
    if one.reward:
        return RIGHT
    return WRONG if ANSWER.search(one.text.partition("\n")[0]) else NO_NUMBER


def shortened(batch: list[Written]) -> list[str]:
    """The answers of a batch, with a sign for each part that most of them have: { the first step, up
    to its result, } the second one, up to its own, ~ the result as the answer."""
    short = list(map(_shortened, batch))
    return [
        SAME if i and (batch[i - 1].prompt, short[i - 1]) == (one.prompt, short[i]) else short[i]
        for i, one in enumerate(batch)
    ]


def _shortened(one: Written) -> str:
    first, second, third = one.prompt.rstrip(":").split(" + ")
    text = one.text.strip()
    if text == SAME or re.search("[{}~]", text):
        raise ValueError(f"an answer holds a sign that stands for a part of others: {text!r}")
    text = text.replace(f"{first} + {second} = ", "{")
    text = re.sub(rf"\b(\d+), \1 \+ {third} = ", r"\1}", text)
    return re.sub(r"\b(\d+)\. Answer \1$", r"\1~", text)


def others(name: str) -> list[dict[str, Any]]:
    """The three runs of a sweep, seed by seed."""
    sweep, runs, history = read(name)
    each = sweep.train["prompts"] * sweep.train["group"]
    rows = []
    for seed in sweep.seeds:
        own, batches = (
            # A sweep that has one learning rate does not name it in its runs.
            part[(part["seed"] == seed) & ("lr" in sweep.train or part["lr"] == RATE)]
            for part in (runs, history)
        )
        curves, ends = [], []
        for label in LABELS:
            end = own.loc[own["label"] == label, "sampled"]
            shares = batches[batches["label"] == label].sort_values("batch").get("reward", [])
            curves.append([round(each * share) for share in shares] or None)
            ends.append(None if end.empty else round(float(end.iloc[0]), 3))
        rows.append({"seed": seed, "right": curves, "end": ends})
    return rows
