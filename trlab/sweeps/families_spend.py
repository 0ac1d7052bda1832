"""More completions or fewer fits, on `spend`, where a prompt has thousands of right answers.

Known beforehand: `diversity` (eight minibatches without a region fall to 0 at 3e-4), no run of these
arms. Predictions were written down before any run.
"""

from trlab.sweeps._families import family

SWEEP = family(
    "completions or fits: spend",
    "On a task with many right answers, does a run's end go with how many prompts a batch has, or "
    "with how often it fits them?",
    rates=(3e-5, 1e-4, 3e-4),
    seeds=range(7150, 7158),
    task="spend",
)
