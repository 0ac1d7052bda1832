"""What the sweeps of the reference share: `tales`, whose reward model counts words, 40 batches of 8 prompts x
4 completions, each used once, at a learning rate of 1.5e-3. Every ratio is then 1, so no clip can act.

The measures are the judge's: `sampled` is the share of good stories after the run, `right_peak` the best
three batches on the way, `right_stopped` the three batches at which a run that stops at 2 nats per story
would have stopped.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from trlab import Budget, Prediction, Sweep, Variant
from trlib.algorithms import Reference

KNOWN = (
    "A prototype of the task (another grammar, batches of 16 x 8, learning rate 3e-4, k2 in the loss, one or "
    "two seeds per setting) gave these shares of good stories at the start, at best and at the end. No penalty: "
    "0.32, 0.47 at batch 20, 0 from batch 30; 0.30, 0.58 at batch 30, 0 from batch 40. PPO's clip with four "
    "epochs: 0.32, 0.41 at batch 5, 0 from batch 10. A penalty of 0.03: 0.32, 0.47, 0 from batch 30. A penalty of "
    "0.1: 0.32, 0.93, 0.93; 0.30, 0.94, 0.94. A penalty of 0.3: 0.32, 0.91, 0.91. A tenth of the learning rate "
    "without a penalty: 0.55 at batch 300, 0.01 at batch 400. With 30, 300 or 1,000 labels the largest weight of the "
    "reward model was on the same word. "
    "Pilots of this task, one run each, good stories of single batches (first, best three in a row, last), k2 in the "
    "loss. 16 x 8, 3e-4, 100 batches, seed 0, no penalty: 0.41, above 0.9, 0.95 at 1.9 nats per story: no collapse "
    "yet. 8 x 8, 1e-3, seed 0: no penalty 0.41, 0.6, 0 from batch 50; 0.1: 0.41, 0.98, above 0.8. 8 x 8, 2e-3, "
    "seed 0, no penalty: 0.41, 0.6, 0 from batch 20, then only the word happy. 8 x 4, 2e-3, seed 0: no penalty 0.44, "
    "0.5, 0; 0.1: 0.44, 0.6, 0.69 at 12 nats. 8 x 4, 1e-3, no penalty: seed 0 0.44, 0.88, 0 from batch 40; seed 100 "
    "0.34, 0.85, 0.09 at batch 60. 8 x 4, 1e-3, 60 batches, seed 101: no penalty 0.47, 0.83, 0.47 at 10 nats; 0.03: "
    "0.47, 0.83, 0.75 at 6 nats; 0.1: 0.47, 0.84, 0.81 at 5 nats. 8 x 4, 1.5e-3, 45 batches, seed 100: no penalty 0.34, 0.73, 0 from batch 30; "
    "0.03: 0.34, 0.73, 0 from batch 40; 0.1: 0.34, 0.95, 1.00 at 1.8 nats. These last three chose the settings."
)


def penalty(beta: float, **more: Any) -> Mapping[str, Any]:
    """The settings of a method with a penalty on the KL divergence to its reference."""
    return {"reference": Reference(beta=beta, **more)}


def variant(label: str, beta: float = 0.0, method: str = "pg_is", **more: Any) -> Variant:
    """A method with a reference: `train` are arguments of the loop, the rest are the reference's."""
    train = more.pop("train", {})
    return Variant(method, penalty(beta, **more), label=label, train=train)


def above(
    text: str,
    higher: str | float,
    lower: str | float,
    measure: str = "sampled",
    at: Mapping[str, str] | None = None,
) -> Prediction:
    """One label above another, or above or below a number."""
    return Prediction(text, higher, lower, measure, at=at or {})


asked = partial(
    Sweep,
    round=8,
    question="reference",
    known=KNOWN,
    task="tales",
    seeds=range(13000, 13012),
    train={"prompts": 8, "group": 4, "lr": 1.5e-3, "probe": 8},
    budget=Budget(steps=40, prompts=64, samples=4, common=2026),
)
