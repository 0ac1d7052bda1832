"""More completions or fewer fits, on `relay` with completions of 64 tokens.

Known beforehand: `relay_best` (other arms, a stale and noisy sampler), no run of these. Predictions
were written down before any run.
"""

from trlab.sweeps._families import family

SWEEP = family(
    "completions or fits: longer completions",
    "With completions of 64 tokens, does a run's end go with how many prompts a batch has, or with "
    "how often it fits them?",
    rates=(1e-4, 3e-4, 1e-3),
    seeds=range(7180, 7188),
    task="relay",
    knobs={"horizon": 64},
)
