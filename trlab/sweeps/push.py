"""The push: what breaks a run that uses every batch sixteen times, asked beside its simplest rivals.

Twenty arms (`trlab.sweeps._push`) learn from the same rewards, 1 or 0, in the same loop. No arm but
the last six has a region. Each runs at four learning rates, so that every one can be compared at its
own best, and puts completions aside, so that it can be compared at an equal distance.

Known beforehand: pilots with other seeds, one to three of each. At 1e-4, ends: r A .43 .42 (in
another loop of ours .14 to .29), A log .07 .06, R log .85 .86 .86, r R .44 .50, right log .85 .77, r
right .79 .69, 1 and -1 log .05, r 1 and -1 .07, A + 1 log .79 .72, A + .1 log .12 .15, clip .66 .78,
clip on R .88, clip on wrong .31, clip on right .37, TROLL .74. At 3e-5: R log .92 .93, clip .88,
clip on R .92, right log .90 .90, 1 and -1 log .88, r A .81 .89, A log .80 .87. At 1e-5: r A .90, clip
.90, R log .92. At 3e-4: R log .45, clip on R .80. A log less .5 KL, exact, .75 at
3e-5 and .37 .28 at 1e-4. *A log - mean KL*, *r wrong*, *A + .3 log*, *R log, mixed groups* and DPPO
had no run.

Predictions were written down before any run of this sweep. The risky ones are that right answers
alone end above the clip, that groups which hold one kind of answer add nothing, and the two on the
KL: in the mean over completions R log is A log less the group's mean times KL, so at a small step the
two should end alike; on one batch that is fitted sixteen times a sampled answer that is pushed down is
not pulled back by the KL, so at 1e-4 R log should end higher.
"""

from trlab import Axis, Prediction
from trlab.sweeps._push import (
    ARMS,
    CLIP,
    CLIP_R,
    CLIP_RIGHT,
    CLIP_WRONG,
    LOG_A,
    LOG_R,
    MIXED_LOG,
    PULLED_LOG,
    RATIO_A,
    RATIO_R,
    RATIO_RIGHT,
    RIGHT_LOG,
    SHIFTED,
    SIGNED_LOG,
    asked,
)

LOWEST, LOW, MIDDLE, HIGH = ({"lr": lr} for lr in ("1e-05", "3e-05", "0.0001", "0.0003"))

SWEEP = asked(
    title="the push",
    text="What breaks a run that uses every batch sixteen times: few answers, or how their rewards "
    "push? (R is the reward, 1 or 0, and A the same less its group's mean; r: times the ratio to the "
    "sampler, log: without it; clip, DPPO and TROLL take A.)",
    variants=ARMS,
    axes=[Axis("lr", (1e-5, 3e-5, 1e-4, 3e-4))],
    seeds=range(8300, 8312),
    predictions=[
        *(
            Prediction(
                f"plain rewards without baseline, ratio or region end above PPO's clip at {rate}",
                LOG_R,
                CLIP,
                at=at,
            )
            for rate, at in (("3e-5", LOW), ("1e-4", MIDDLE))
        ),
        *(
            Prediction(
                f"the same rewards written as 1 and -1 end below 1 and 0 at {rate}",
                LOG_R,
                SIGNED_LOG,
                at=at,
            )
            for rate, at in (("3e-5", LOW), ("1e-4", MIDDLE))
        ),
        Prediction("at 1e-4 they are lost: below .3", 0.3, SIGNED_LOG, at=MIDDLE),
        *(
            Prediction(
                f"the clip on plain rewards ends where plain rewards do at {rate}, within .05",
                CLIP_R,
                LOG_R,
                within=0.05,
                at=at,
            )
            for rate, at in (("3e-5", LOW), ("1e-4", MIDDLE))
        ),
        Prediction(
            "at 3e-4 plain rewards need a region: with the clip they end higher",
            CLIP_R,
            LOG_R,
            at=HIGH,
        ),
        Prediction("and higher than the clip on advantages", CLIP_R, CLIP, at=HIGH),
        Prediction("the clip on plain rewards has the wider basin", CLIP_R, CLIP, "basin_width"),
        Prediction("plain rewards alone have it too", LOG_R, CLIP, "basin_width"),
        Prediction(
            "a baseline alone breaks it: A log ends below r A at 1e-4", RATIO_A, LOG_A, at=MIDDLE
        ),
        Prediction(
            "so does a ratio alone: r R ends below R log at 1e-4", LOG_R, RATIO_R, at=MIDDLE
        ),
        Prediction("right answers alone end above the clip at 1e-4", RIGHT_LOG, CLIP, at=MIDDLE),
        Prediction("and above themselves weighed by the ratio", RIGHT_LOG, RATIO_RIGHT, at=MIDDLE),
        Prediction(
            "a baseline is a KL penalty taken away: R log ends where A log less the group's mean "
            "times KL does at 3e-5, within .03",
            LOG_R,
            PULLED_LOG,
            within=0.03,
            at=LOW,
        ),
        Prediction(
            "on one batch it is not: at 1e-4 R log ends above it", LOG_R, PULLED_LOG, at=MIDDLE
        ),
        Prediction(
            "groups with one kind of answer add nothing: without them R log ends within .05 at 1e-4",
            LOG_R,
            MIXED_LOG,
            within=0.05,
            at=MIDDLE,
        ),
        Prediction(
            "the more a shift pushes up, the more is held at 1e-4: 1 above .3",
            SHIFTED[1.0],
            SHIFTED[0.3],
            at=MIDDLE,
        ),
        Prediction("and .3 above .1", SHIFTED[0.3], SHIFTED[0.1], at=MIDDLE),
        Prediction(
            "a clip on one side holds less than on both: wrong answers", CLIP, CLIP_WRONG, at=MIDDLE
        ),
        Prediction("and right answers", CLIP, CLIP_RIGHT, at=MIDDLE),
        Prediction(
            "at 1e-5 nothing of this matters: A log ends where R log does, within .03",
            LOG_R,
            LOG_A,
            within=0.03,
            at=LOWEST,
        ),
        Prediction("nor the clip, within .03", LOG_R, CLIP, within=0.03, at=LOWEST),
        Prediction("nor 1 and -1, within .03", LOG_R, SIGNED_LOG, within=0.03, at=LOWEST),
        Prediction(
            "the price is diversity: plain rewards leave fewer different right answers than the clip "
            "at 3e-5",
            CLIP,
            LOG_R,
            "distinct",
            at=LOW,
        ),
    ],
)
