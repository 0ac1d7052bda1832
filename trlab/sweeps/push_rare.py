"""The push on `dial` with a base model that seldom writes the steps out: prompts that are hardly ever
right at the beginning, where plain rewards push nothing.

Known beforehand: one run of R log at 1e-4, .83. Predictions were written down before any run.
"""

from trlab.sweeps._push import EIGHT, elsewhere

SWEEP = elsewhere(
    "the push: rare words",
    "Where right answers are rare, do plain rewards still hold a run that uses a batch sixteen times?",
    EIGHT,
    range(8360, 8372),
    policy="dial_rare",
)
