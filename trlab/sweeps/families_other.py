"""More completions or fewer fits, on `dial` with another base model.

Known beforehand: `basin_bases` (this model's basin is like the first one's), no run of these arms.
Predictions were written down before any run.
"""

from trlab.sweeps._families import family

SWEEP = family(
    "completions or fits: another base model",
    "With another base model, does a run's end go with how many prompts a batch has, or with how "
    "often it fits them?",
    rates=(3e-5, 1e-4, 3e-4),
    seeds=range(7070, 7078),
    policy="dial_1",
)
