"""More completions or fewer fits, on `dial` with a base model that seldom writes the steps out.

Known beforehand: `rare` (other arms), no run of these. Predictions were written down before any run.
"""

from trlab.sweeps._families import family

SWEEP = family(
    "completions or fits: rare words",
    "Where what has to be learned is rare, does a run's end go with how many prompts a batch has, or "
    "with how often it fits them?",
    rates=(3e-5, 1e-4, 3e-4),
    seeds=range(7060, 7068),
    policy="dial_rare",
)
