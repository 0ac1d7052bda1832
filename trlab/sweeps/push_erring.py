"""The push under a verifier that errs: a wrong answer that earns 1 is pushed up by plain rewards, and
nothing pushes it down again.

5 or 20 in a hundred wrong answers earn 1, or as many right ones earn 0, always the same ones
(`trlab.sweeps._erring`). Accuracy at the end is the true one.

Nothing is known beforehand. Predictions were written down before any run of this sweep. The risky
one is that plain rewards lose more by false rights than the clip on advantages does.
"""

from pathlib import Path

from trlab import Axis, Prediction
from trlab.sweeps._push import CLIP, CLIP_R, LOG_R, OFTEN, RIGHT_LOG, asked, pick

TASK = f"{Path(__file__).with_name('_erring.py')}:Erring"
FALSE = {
    "5 % rights": {"task.false_rights": 0.05},
    "20 % rights": {"task.false_rights": 0.2},
    "5 % wrongs": {"task.false_wrongs": 0.05},
    "20 % wrongs": {"task.false_wrongs": 0.2},
}

SWEEP = asked(
    title="the push, under a verifier that errs",
    text="Do plain rewards, which never lower a false right answer, bear a verifier that errs?",
    variants=pick(LOG_R, RIGHT_LOG, CLIP, CLIP_R),
    axes=[Axis("false", FALSE)],
    task=TASK,
    policy="dial",
    seeds=range(8470, 8482),
    train={**OFTEN, "lr": 3e-5},
    predictions=[
        Prediction(
            "5 % false rights: plain rewards still end above the clip",
            LOG_R,
            CLIP,
            at={"false": "5 % rights"},
        ),
        Prediction(
            "20 % false rights: they end below it", CLIP, LOG_R, at={"false": "20 % rights"}
        ),
        Prediction(
            "20 % false wrongs cost plain rewards little: above .85",
            LOG_R,
            0.85,
            at={"false": "20 % wrongs"},
        ),
        Prediction("and they end above the clip there", LOG_R, CLIP, at={"false": "20 % wrongs"}),
    ],
)
