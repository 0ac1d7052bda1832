"""What moves the entropy: a clip that is wider above 1, or a bonus in the loss.

Two places. With four uses of a batch every method of the second round learns, and the entropy falls
from 1.07 to .36 nats per token within ten batches: the words that were wrong are gone. With sixteen
uses at this learning rate PPO is lost, and its entropy rises; twelve batches are enough to see it.

Known beforehand, from `reuse` and `tuned` on other seeds: PPO's entropy after 24 batches at four
uses .35, at sixteen .54; clip-higher's at sixteen tuned uses .36. Four batches of four uses on seed
905, with a bonus of .01 and without: entropy .362 both times. Predictions were written down before
any run of this sweep.
"""

from pathlib import Path

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH, pick

FILE = Path(__file__).with_name("_entropy.py")
FEW, MANY = {"place": "4 uses"}, {"place": "16 uses"}

SWEEP = Sweep(
    title="entropy: clip-higher, a bonus",
    round=3,
    text="Entropy collapses or explodes: does a wider clip or an entropy bonus help, and at what "
    "price?",
    variants=(
        *pick("ppo", "clip-higher"),
        *(Variant(f"{FILE}:Bonus", {"coefficient": c}, label=f"bonus {c:g}") for c in (0.01, 0.1)),
    ),
    axes=[Axis("place", {"4 uses": {"epochs": 4}, "16 uses": {"epochs": 16, "steps": 12}})],
    seeds=range(1610, 1618),
    train=BATCH,
    budget=Budget(steps=24, prompts=512, samples=4, common=1610),
    predictions=[
        Prediction(
            "where all learn, a bonus of .1 keeps entropy up",
            higher="bonus 0.1",
            lower="ppo",
            measure="entropy",
            at=FEW,
        ),
        Prediction("and costs accuracy", higher="ppo", lower="bonus 0.1", at=FEW),
        Prediction(
            "a bonus of .01 cannot be seen: entropy within .03",
            higher="bonus 0.01",
            lower="ppo",
            measure="entropy",
            within=0.03,
            at=FEW,
        ),
        Prediction(
            "a clip that is wider above 1 cannot be seen either: entropy within .03",
            higher="clip-higher",
            lower="ppo",
            measure="entropy",
            within=0.03,
            at=FEW,
        ),
        Prediction(
            "where a policy is lost its entropy is high: PPO's at sixteen uses is above .4",
            higher="ppo",
            lower=0.4,
            measure="entropy",
            at=MANY,
        ),
        Prediction("there a bonus of .1 makes it worse", higher="ppo", lower="bonus 0.1", at=MANY),
        Prediction("and so does a wider clip", higher="ppo", lower="clip-higher", at=MANY),
    ],
)
