"""What the sweeps of the copies share: R without a ratio, from a four-bit sampler, until it collapses.

A four-bit sampler rounds the weights of the policy that it copies. Plain rewards without a ratio pull
the policy towards whatever sampled, and so towards the rounded copy, which is then rounded again, as a
photocopy of a photocopy. A sampler that is `age` updates behind makes a new copy of what was learned
from its copies only once in age + 1 batches."""

from functools import partial

from trlab import Budget, Prediction, Sweep

QUESTION = "copies of copies"
BUDGET = Budget(steps=512, prompts=512, samples=8, common=2026, minutes=60)
TRAIN = {"prompts": 16, "group": 8, "anchor": "rollout", "lr": 3e-4, "probe": 8, "sampler": "int4"}
PLAIN = {"advantage": "reward"}
PILOTS = (
    "Pilots, one run per seed, plain rewards without a ratio, four bits, `dial` at 3e-4. First batch "
    "at which the reward had fallen to half of its best: 54 and 31 (age 0), 81 (age 1), 122 and 101 "
    "(age 2), 159 and 163 (age 4), 441 and 273 (age 8; 719 on `dial_1`), and none in 2,048 and 1,536 "
    "batches at age 16. Ends after 256 batches, by age 0, 1, 2, 4, 8, 16: .05, .06, .06, .33, .85, .93. "
    "Fresh, 1,024 batches, one or two seeds: R with TIS .77 and .05, A .57, A with TIS .90. None with a "
    "smaller learning rate, none with noise in place of rounding."
)
asked = partial(Sweep, question=QUESTION, budget=BUDGET, train=TRAIN, known=PILOTS, every=1)


def later(higher: str, lower: str) -> Prediction:
    """One label collapses later than another."""
    return Prediction(f"{higher} collapses later than {lower}", higher, lower, "half_life")
