"""On-policy distillation: a teacher's log-probs on the student's own completions, alone, beside the
reward, and as the centre of a region.

The teacher is `dial` after eight batches of PPO with 128 completions each, at a learning rate of
3e-4: better than the student, and no master. It scores every sampled token, so that the advantage of a
token is log π_T - log π_old, an unbiased step on the reverse KL(π || π_T). The first batch has no
teacher yet and teaches those arms nothing. PPO's clip stands around the old policy in all of them.

Known beforehand: `best` and `reuse` (PPO on `dial`), no run with a teacher, but for one smoke run
of three batches, and the teacher's own accuracy, .86.
"""

from pathlib import Path

from trlab import Budget, Prediction, Sweep, Variant

METHOD = f"{Path(__file__).with_name('_distil.py')}:Distil"

SWEEP = Sweep(
    title="a teacher on own samples",
    round=5,
    text="Does a teacher that scores a student's own completions teach faster than the reward, and "
    "does a reward inside a region around the teacher end above the teacher alone?",
    variants=[
        Variant("ppo"),
        Variant(METHOD, label="teacher alone"),
        Variant(METHOD, {"reward": 1.0, "beta": 0.1}, label="reward and teacher"),
        Variant(
            METHOD,
            {"reward": 1.0, "beta": 0.1, "radius": 0.1},
            label="reward in a region around the teacher",
        ),
    ],
    seeds=range(2700, 2708),
    train={"prompts": 8, "group": 8, "epochs": 4, "lr": 3e-4, "warmup": 0, "probe": 8},
    budget=Budget(steps=12, prompts=128, samples=4, common=2028),
    predictions=[
        Prediction(
            "after twelve small batches the teacher alone has taught more than the reward",
            higher="teacher alone",
            lower="ppo",
        ),
        Prediction(
            "a reward inside a region around the teacher ends above the teacher alone",
            higher="reward in a region around the teacher",
            lower="teacher alone",
        ),
        Prediction(
            "a region and a fixed weight end alike, within .05",
            higher="reward in a region around the teacher",
            lower="reward and teacher",
            within=0.05,
        ),
    ],
)
