"""What the third round shares: its batch, its evaluation, and the definitions that its read-outs
were given beforehand.

Every run uses a batch of 16 prompts x 8 completions for 24 batches and is asked the same 2,048
prompts at the end, so runs with the same seed can be compared in pairs. Half of the spread between
the runs of the second round was the luck of the prompts that each was asked.

Defined before any run of this round (`trlab.basin` computes them):

- **basin**: the learning rates at which a method ends within .05 of the best end that any method
  reaches at any rate, at the same number of uses. The curve of a seed is linear in log10(lr)
  between the rates that were run. The *width* is the length of the piece that holds the method's
  best rate, in decades. A piece that reaches the first or the last rate of the grid is an *edge*:
  its width is a lower bound.
- **frontier**: take-off (mean reward of the first ten batches) against the end, one point for each
  learning rate; the points that no other point of any method beats in both.
- **insurance**: the end at ten times the method's best rate, and the worst seed at its best rate.
"""

from trlab import Budget

BATCH = {"prompts": 16, "group": 8}
RATES = (3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
BUDGET = Budget(steps=24, prompts=2048, samples=4, common=2026)
