"""The numbers of `refit` and `refit_size` that chapters 2 and 4 have typed are those of the record."""

from __future__ import annotations

import json

import pytest

from tools.paths import NOTEBOOKS
from trlab.outcomes import runs_of
from trlab.statistics import iqm


def prose(name: str) -> str:
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


@pytest.mark.parametrize(
    "sweep, chapter, sentence, numbers",
    [
        (
            "refit",
            "02_why_trust_regions",
            "3e-4, *again* ends at {} without a region and at {} with PPO's clip, while *parts* keeps {} without a "
            "region and {} with it. *New* ends at {}",
            [(label, "0.0003") for label in ("pg_is-again", "ppo-again", "pg_is-parts", "ppo-parts", "pg_is-new")],
        ),
        (
            "refit_size",
            "02_why_trust_regions",
            "uses 256 prompts sixteen times, all at once, ends at {} at 1e-4 and at {} at 3e-4; in parts the same "
            "prompts end at {} and {}",
            [(label, lr) for label in ("again, 256", "parts") for lr in ("0.0001", "0.0003")],
        ),
        (
            "refit",
            "04_ppo",
            "Without it *again* ends at {}, with it at {}.",
            [("pg_is-again", "0.0001"), ("ppo-again", "0.0001")],
        ),
        (
            "refit",
            "04_ppo",
            "At 3e-4 the clip no longer saves *again* ({}), while *parts* ends at {}",
            [("ppo-again", "0.0003"), ("ppo-parts", "0.0003")],
        ),
    ],
)
def test_a_typed_number_is_the_record_s(
    sweep: str, chapter: str, sentence: str, numbers: list[tuple[str, str]]
) -> None:
    values = [f"{iqm(runs_of(sweep, label, at={'lr': lr})):.2f}" for label, lr in numbers]
    assert sentence.format(*values) in prose(chapter)
