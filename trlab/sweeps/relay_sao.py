"""One completion per prompt and a critic, with a mask around the sampler: SAO on the long task.

The regime is that of `_relay`: a sampler two batches behind, noise on its logits, four epochs,
twelve batches. PPO and no region have 8 prompts x 8 completions and the group's mean; the two
critics have 64 prompts with one completion each, which is as many completions. The rates are those
of `relay_2026`: *own* is PPO's, *hot* too high. SAO has the paper's bounds for mathematics, .3 and
5, and beside it those of PPO's clip.

Known beforehand: `relay_2026` (at 1.5e-3 PPO and no region end near 0, at 3e-4 PPO at .86). No run
of SAO or of a critic was made on `relay` before these predictions were committed.
"""

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._relay import BUDGET, HOT, KNOBS, REGIME

ALONE = {"prompts": 64, "group": 1}
OWN_RATE, HOT_RATE = {"rate": "own"}, {"rate": "hot"}

SWEEP = Sweep(
    title="stale and noisy: one completion per prompt",
    round=5,
    text="With a sampler two batches behind, does a critic with a mask around the sampler (SAO) "
    "learn from one completion per prompt what PPO learns from groups, and does its mask hold "
    "where the rate is too high?",
    task="relay",
    knobs=KNOBS,
    variants=[
        Variant("pg_is"),
        Variant("ppo"),
        Variant("ppo_critic", train=ALONE),
        Variant("sao", train=ALONE),
        Variant("sao", {"eps_low": 0.2, "eps_high": 0.2}, label="sao, .8 to 1.2", train=ALONE),
    ],
    axes=[Axis("rate", {"own": {"lr": 3e-4}, "hot": {"lr": HOT}})],
    seeds=range(2600, 2608),
    train=REGIME,
    budget=BUDGET,
    predictions=[
        Prediction(
            "at PPO's rate SAO ends below PPO with groups: a critic must be learnt first",
            higher="ppo",
            lower="sao",
            at=OWN_RATE,
        ),
        Prediction(
            "at PPO's rate SAO ends where PPO with the same critic does, within .05",
            higher="sao",
            lower="ppo_critic",
            within=0.05,
            at=OWN_RATE,
        ),
        Prediction(
            "at 1.5e-3 a window up to 6 holds nothing: SAO ends where no region does, within .1",
            higher="sao",
            lower="pg_is",
            within=0.1,
            at=HOT_RATE,
        ),
        Prediction(
            "at 1.5e-3 the mask from .8 to 1.2, which silences both signs, ends above PPO's clip "
            "with the same critic",
            higher="sao, .8 to 1.2",
            lower="ppo_critic",
            at=HOT_RATE,
        ),
    ],
)
