"""A scale for the mismatch between sampler and learner: what usual causes look like, recorded once
on a real model, SmolLM2-135M against copies of itself that differ in one thing.

Another model gives other numbers: a larger one suffers less from rounding. The program that measured
them, `trcheck/benchmark/mismatches.py`, is in the repository's history.
"""

from __future__ import annotations

import json
from pathlib import Path

from trcheck.diagnose.messages import say

MODEL = "SmolLM2-135M"
RECORD = Path(__file__).with_name("scale.json")


def beside(column: str, here: float) -> str:
    """A mean |log ratio|, nats per token, beside the nearest recorded ones.

    Args:
        column: the learner's.
        here: its mean difference from the sampler's.
    """
    rows = json.loads(RECORD.read_text(encoding="utf-8"))["rows"]  # from the smallest on
    values = {"column": column, "deviation": here, "model": MODEL}
    below = [row for row in rows if row["deviation"] <= here]
    above = [row for row in rows if row["deviation"] > here]
    for name, row in (("below", below[-1:]), ("above", above[:1])):
        if row:
            values |= {name: say(f"scale.{row[0]['key']}"), f"{name}_value": row[0]["deviation"]}
    if not here:
        return say("scale.none", **values)
    return say(
        "scale." + ("between" if below and above else "beyond" if below else "below"), **values
    )
