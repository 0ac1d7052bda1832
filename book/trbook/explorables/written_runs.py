"""What `written` shows: three recorded runs of SmolLM2 on sums, and four sums that each of them
answered before every batch and at the end.

`python -m book.build.pack.packs written` packs the sweep `real_words`; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from trlab.record import read
from trlab.texts import texts_of

SWEEP = "real_words"
LOOKS = {"once": "once", "eight times": "reuse", "eight times, clipped": "clip"}
"""Of each run, by its label: the lane of `trlab/drawing/looks.json` whose look it has."""


def pack() -> dict[str, Any]:
    """The record, JSON-able, as `built/written.data.json` holds it.

    Each lane has the right answers of its batches (`right`, of `each`), the share of right answers
    to new sums with its 95 % interval (`end`), and by batch the texts with their rewards (`said`).
    """
    sweep, runs, history = read(SWEEP)
    runs = runs.set_index("label")
    each = sweep.train["prompts"] * sweep.train["group"]
    lanes = []
    for label, look in LOOKS.items():
        run = runs.loc[label]
        rewards = history[history["label"] == label].sort_values("batch")["reward"]
        prompts, written = texts_of(run)
        lanes.append(
            {
                "name": label,
                "look": look,
                "right": [round(each * reward) for reward in rewards],
                "end": [
                    round(float(run[key]), 3) for key in ("sampled", "sampled_low", "sampled_high")
                ],
                "said": [
                    [[text.strip(), int(reward)] for text, reward in written[batch]]
                    for batch in sorted(written)
                ],
            }
        )
    return {
        "command": "python -m book.build.pack.packs written",
        "sweep": SWEEP,
        "seed": sweep.seeds[0],
        "each": each,
        "tested": sweep.budget.prompts * sweep.budget.samples,
        "prompts": [prompt.rstrip(":") for prompt in prompts],
        "lanes": lanes,
    }
