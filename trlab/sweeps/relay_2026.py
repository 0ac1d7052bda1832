"""Seven methods of 2026 on the long task: PPO's own rate, and the rate that is too high.

*Own* is 3e-4, which the rule of `trlab.tuning` takes for PPO from `relay_map`, as for most methods
there; *hot* is `relay_best`'s 1.5e-3. The regime is that of `_relay`. The three clips have PPO's
advantage, less the group's mean, so that each differs from PPO in its window alone; `turn_ppo`
takes a leg, a move and a place, as a turn. LN-TRM is as wide as `_relay`'s TRM: a mean of .02 nats
is a mean |r - 1| of .2 by Pinsker's inequality. DRO and OAPL run with their defaults, whose pull is
weak, and with one that is felt.

Ages differ inside a completion only where several policies write it, so the staleness mask runs on
partial rollouts: a third of each completion by the policy two batches behind, a third by the next,
the last by the learner. PPO beside it has the same data.

Known beforehand: `relay_best` (at 1.5e-3 no region .00, PPO .04, TRM .63; at its own rate PPO .86)
and `relay_narrow`. No run of one of the seven was made on `relay` before these predictions were
committed. The margins are `relay_best`'s, .1 at the high rate and .05 at PPO's own.

Runs go seed by seed on a shared machine. If the time ends before the eighth seed, the seeds are cut
to the whole ones that are done by then, which nobody chooses by their ends.
"""

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._relay import BUDGET, HOT, KNOBS, REGIME

MEAN = {"advantage": "group-mean"}
PARTIAL = {"segments": 3}
OWN_RATE, HOT_RATE = {"rate": "own"}, {"rate": "hot"}
CLIPS = ("kl3_clip", "bandpo", "turn_ppo")

SWEEP = Sweep(
    title="stale and noisy: seven methods of 2026",
    round=4,
    text="With a sampler two batches behind and 64 tokens, do seven methods of 2026 keep what "
    "they learnt where the "
    "rate is too high, and what do they learn at PPO's own?",
    task="relay",
    knobs=KNOBS,
    variants=[
        Variant("pg_is"),
        Variant("ppo"),
        Variant("kl3_clip", MEAN),
        Variant("bandpo", MEAN),
        Variant("turn_ppo", {**MEAN, "length": 2}),
        Variant("trm", {"delta_max": 1.0, "delta_mean": 0.02}),
        Variant("ln_trm", {"delta_mean": 0.2}),
        Variant("dro"),
        Variant("dro", {"beta": 1.0}, label="dro, beta 1"),
        Variant("oapl"),
        Variant("oapl", {"beta2": 0.1}, label="oapl, beta .1"),
        Variant("ppo", label="ppo, partial", train=PARTIAL),
        Variant("stale_mask", {"max_age": 1}, label="stale_mask, partial", train=PARTIAL),
    ],
    axes=[Axis("rate", {"own": {"lr": 3e-4}, "hot": {"lr": HOT}})],
    seeds=range(2500, 2508),
    train=REGIME,
    budget=BUDGET,
    predictions=[
        *(
            Prediction(
                f"at 1.5e-3 {name} ends where PPO does, within .1",
                higher="ppo",
                lower=name,
                within=0.1,
                at=HOT_RATE,
            )
            for name in CLIPS
        ),
        *(
            Prediction(
                f"at PPO's rate {name} ends where PPO does, within .05",
                higher="ppo",
                lower=name,
                within=0.05,
                at=OWN_RATE,
            )
            for name in CLIPS
        ),
        *(
            Prediction(
                f"a pull of {name}'s default is no region: at 1.5e-3 it ends where no region "
                "does, within .1",
                higher=name,
                lower="pg_is",
                within=0.1,
                at=HOT_RATE,
            )
            for name in ("dro", "oapl")
        ),
        Prediction(
            "a DRO whose pull is felt ends above no region at 1.5e-3",
            higher="dro, beta 1",
            lower="pg_is",
            at=HOT_RATE,
        ),
        Prediction(
            "so does an OAPL whose pull is felt", higher="oapl, beta .1", lower="pg_is", at=HOT_RATE
        ),
        Prediction(
            "at 1.5e-3 LN-TRM ends above no region", higher="ln_trm", lower="pg_is", at=HOT_RATE
        ),
        Prediction(
            "all completions are equally long: at 1.5e-3 it ends where TRM does, within .1",
            higher="trm",
            lower="ln_trm",
            within=0.1,
            at=HOT_RATE,
        ),
        Prediction(
            "the first move decides most, and the oldest policy writes it: without its tokens "
            "less is learnt at PPO's rate",
            higher="ppo, partial",
            lower="stale_mask, partial",
            at=OWN_RATE,
        ),
        Prediction(
            "at 1.5e-3 leaving out the oldest third does not hold: it ends where PPO on the same "
            "data does, within .1",
            higher="stale_mask, partial",
            lower="ppo, partial",
            within=0.1,
            at=HOT_RATE,
        ),
    ],
)
