"""What the sweeps of two samplers share: 384 batches of 16 prompts x 8 completions, each used once, by
pushes without a ratio and without a region, where the sampler is late, rounded, both or neither.

With a baseline b the push has the mean -(J - b) ∇KL(q || p): a pull towards the sampler q whose
weight is the mean reward less the baseline. A + δ is the baseline J - δ; R is none at all. Centering
(exact here, over the vocabulary) subtracts the mean of the push at every token and nothing else.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH

QUESTION = "two samplers"
PLAIN, CENTERED, ADVANTAGES, BOTH = "R", "R, centered", "A", "A, centered"
SHIFTS = (-0.1, 0.1, 0.3, 1.0)
CLIP, RIGHT, TROLL, TIS, CENTERED_TIS = "clip", "right", "troll", "tis", "centered, tis"
QUIET = {"halves": False}


def shifted(delta: float) -> str:
    """The label of A + δ."""
    return f"A {'+' if delta > 0 else '-'} {abs(delta):g}"


ARMS = (
    Variant("reinforce", {"advantage": "reward"}, label=PLAIN),
    Variant("reinforce", label=ADVANTAGES),
    *(Variant("reinforce", {"shift": delta}, label=shifted(delta)) for delta in SHIFTS),
    Variant("centered", {"advantage": "reward", **QUIET}, label=CENTERED),
    Variant("centered", QUIET, label=BOTH),
    Variant("centered", {"shift": 0.3, **QUIET}, label=f"{shifted(0.3)}, centered"),
    Variant("reinforce", {"advantage": "right-only"}, label=RIGHT),
    Variant("ppo", label=CLIP),
    Variant("troll", label=TROLL),
    Variant("centered", {"center": False, "weight": "truncated", **QUIET}, label=TIS),
    Variant("centered", {"weight": "truncated", **QUIET}, label=CENTERED_TIS),
)
CORNERS = (PLAIN, CENTERED, ADVANTAGES, BOTH)
FRESH, LATE, ROUNDED, LATE_ROUNDED = "fresh", "lag 16", "int4", "lag 16, int4"
PLACES: dict[str, dict[str, object]] = {
    FRESH: {},
    LATE: {"lag": 16},
    ROUNDED: {"sampler": "int4"},
    LATE_ROUNDED: {"lag": 16, "sampler": "int4"},
}
BUDGET = Budget(steps=384, prompts=512, samples=16, common=2026)
"""Sixteen samples of a prompt, so that the different right answers among them are counted."""
RATE = 3e-4
asked = partial(Sweep, round=7, question=QUESTION, budget=BUDGET, every=16)


def pick(*labels: str) -> Sequence[Variant]:
    """Some of the arms by their labels."""
    by_name = {arm.name: arm for arm in ARMS}
    return [by_name[label] for label in labels]


def trained(rate: float, **more: Any) -> dict[str, Any]:
    return {**BATCH, "anchor": "rollout", "lr": rate, **more}


def samplers(*names: str, **more: Any) -> Axis:
    return Axis("sampler", {name: PLACES[name] for name in names} | more)


def at(sampler: str) -> dict[str, str]:
    return {"sampler": sampler}


def corners(*, rounded: bool, where: str = "") -> list[Prediction]:
    """What plain rewards and centering do late and, where `rounded`, under a sampler of four bits."""
    late = [
        Prediction(
            f"late, plain rewards end above centered ones{where}", PLAIN, CENTERED, at=at(LATE)
        ),
        Prediction(f"and above .8{where}", PLAIN, 0.8, at=at(LATE)),
        Prediction(f"late, centered ones end below .5{where}", 0.5, CENTERED, at=at(LATE)),
    ]
    return (
        late
        + [
            Prediction(
                f"rounded, centered rewards end above plain ones{where}",
                CENTERED,
                PLAIN,
                at=at(ROUNDED),
            )
        ]
        * rounded
    )
