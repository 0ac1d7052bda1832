"""What the sweeps of one setting for both samplers share: 256 batches of 16 prompts x 8 completions,
each used once, where the sampler is fresh, sixteen updates stale, rounded to four bits, or stale and
rounded.

Six update rules: rewards R or advantages A (R less its group's mean), without a ratio; both with TIS,
the ratio of the learner to the sampler per token, truncated at 2; R with the same ratio untruncated;
and R with PPO's clip around the sampler. 256 batches, as in the pilots, suffice: in the pilots and in
`two_samplers_rivals` (384 batches) a run that collapses has collapsed by then. Every batch is kept, so
that nothing that follows from the history is computed on a part of it.
"""

from functools import partial
from typing import Any

from trlab import Axis, Budget, Prediction, Sweep, Variant

QUESTION = "one setting"
R, A = "R", "A"
R_TIS, A_TIS, R_RATIO, R_CLIP = "R, tis", "A, tis", "R, ratio", "R, clip"
UNWEIGHTED = {"center": False, "weight": "truncated", "halves": False}
PLAIN = {"advantage": "reward"}
ARMS = (
    Variant("centered", {**PLAIN, **UNWEIGHTED}, label=R_TIS),
    Variant("centered", UNWEIGHTED, label=A_TIS),
    Variant("pg_is", PLAIN, label=R_RATIO),
    Variant("reinforce", PLAIN, label=R),
    Variant("reinforce", label=A),
    Variant("ppo", PLAIN, label=R_CLIP),
)
FRESH, STALE, ROUNDED, BOTH = "fresh", "lag 16", "int4", "lag 16, int4"
PLACES: dict[str, dict[str, object]] = {
    FRESH: {},
    STALE: {"lag": 16},
    ROUNDED: {"sampler": "int4"},
    BOTH: {"lag": 16, "sampler": "int4"},
}
NEAR = 0.05
"""Ends that differ by less are alike."""
BUDGET = Budget(steps=256, prompts=512, samples=8, common=2026)
PILOTS = (
    "Pilots, 256 batches, one run per cell with one of the seeds 81000 to 81003, sampled accuracy. "
    "`dial` at 3e-4, 16 updates stale: A with TIS .05, R with TIS .95, PPO's clip on R .96; four bits: A "
    "with TIS .90, R with TIS .96, PPO's clip on R .05; stale and four bits: R with TIS .94. `spend` at "
    "1e-4, stale: A with TIS .06, R with TIS .96; four bits: A with TIS .90, R with TIS .96; fresh: R with "
    "TIS .97. `dial` with 8 to 12 moves at 3e-4, stale: A with TIS .08, R with TIS .36, R .03 and .06; "
    "four bits: A with TIS .05, R with TIS .04; fresh: A .27, R with TIS .05, R .29 with another seed. "
    "R with TIS 64 and 256 updates stale on `dial`: .97. With seeds 80000 and 80001, R times the "
    "untruncated ratio: `dial` stale .95 and .97, four bits .94 and .97; `spend` stale .94, four bits .96; "
    "8 to 12 moves stale .30 (200 batches). `spend`, four bits, A: .08 and .05. "
    "Recorded before with other seeds and 384 batches: R and A at every one of these samplers on "
    "`dial`, R on `spend`, and A with TIS on `dial`, where five or six runs of twelve collapse and the "
    "others reach .48 to .79; the pilot's .05 is one of the runs that collapse (two more runs of the "
    "pilot's seeds, made for this explanation: 81000 .21, 81001 .05)."
)
"""What all of these sweeps had seen before they were declared."""
asked = partial(Sweep, round=8, question=QUESTION, budget=BUDGET, variants=ARMS, known=PILOTS)


def samplers(*names: str) -> list[Axis]:
    return [Axis("sampler", {name: PLACES[name] for name in names})]


def trained(rate: float) -> dict[str, Any]:
    """The arguments of a run at this learning rate."""
    return {"prompts": 16, "group": 8, "anchor": "rollout", "lr": rate, "probe": 8}


def above(
    sampler: str, higher: str | float, lower: str | float, *measures: str
) -> list[Prediction]:
    """One end above another, by each of the measures; sampled accuracy if none is named."""
    return [
        Prediction(
            f"{sampler}: {higher} ends above {lower}, {measure}",
            higher,
            lower,
            measure,
            at={"sampler": sampler},
        )
        for measure in measures or ("sampled",)
    ]


def alike(sampler: str, one: str, other: str, *measures: str) -> list[Prediction]:
    """Two ends within `NEAR`, by each of the measures; sampled accuracy if none is named."""
    return [
        Prediction(
            f"{sampler}: {one} ends where {other} does, within {NEAR}, {measure}",
            one,
            other,
            measure,
            within=NEAR,
            at={"sampler": sampler},
        )
        for measure in measures or ("sampled",)
    ]
