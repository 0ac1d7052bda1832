"""Is it the fitting again that harms, or that there is so little to fit? Larger batches, each used
sixteen times.

In `refit` a run that fits the same completions again ends far below one that goes through a batch
sixteen times as large once, in parts. But *parts* also sees sixteen times as many completions. Here
a larger batch is used whole, sixteen times, so that nothing but the number of prompts in a batch
changes from *again*:

- *again*: 16 prompts, as in `refit`; *again, 64* and *again, 256*: four and sixteen times as many;
- *parts*: 256 prompts, gone through once in 16 parts, as in `refit`. *again, 256* sees as many
  completions, and its gradient is taken over all of them: the only difference is what an update
  fits, and how often.

Known beforehand: `refit`'s ends (*again* .27 at 1e-4 and .05 at 3e-4, *parts* .93 and .80), and
that there 16 completions for a prompt in place of 8 lift *again* to .55 at 1e-4 and not at all at
3e-4. Predictions were written down before any run of this sweep.

The seeds 1128 to 1135 were added after the first eight had left three of the five predictions
undecided.
"""

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH, BUDGET

DATA = {
    "again": {"epochs": 16},
    "again, 64": {"prompts": 64, "epochs": 16},
    "again, 256": {"prompts": 256, "epochs": 16},
    "parts": {"prompts": 256, "minibatches": 16},
}
LOW, HIGH = {"lr": "0.0001"}, {"lr": "0.0003"}

SWEEP = Sweep(
    title="refitting a larger batch",
    round=3,
    text="Does fitting completions again harm a run by itself, or only where a batch has few of "
    "them?",
    variants=[
        Variant("pg_is", label=data, train={**BATCH, **train}) for data, train in DATA.items()
    ],
    axes=[Axis("lr", (1e-4, 3e-4))],
    seeds=range(1120, 1136),
    budget=BUDGET,
    predictions=[
        Prediction(
            "four times the prompts lift a run that refits",
            higher="again, 64",
            lower="again",
            at=LOW,
        ),
        Prediction(
            "and sixteen times lift it further", higher="again, 256", lower="again, 64", at=LOW
        ),
        Prediction(
            "a batch that is large enough can be fitted again: it ends where parts end, within .05",
            higher="parts",
            lower="again, 256",
            within=0.05,
            at=LOW,
        ),
        Prediction(
            "at 3e-4 sixteen times the prompts lift it too",
            higher="again, 256",
            lower="again",
            at=HIGH,
        ),
        Prediction(
            "but there refitting still costs: parts end higher",
            higher="parts",
            lower="again, 256",
            at=HIGH,
        ),
    ],
)
