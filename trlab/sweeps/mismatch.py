"""A sampler that is not the learner: four-bit weights (simulated), with full and half precision as
null controls.

Known beforehand: a prototype in which PPO on the recomputed ratio kept .77, PPO on the sampler's
ratio collapsed (.12), DPPO on the sampler had .30 and TROLL anchored on the sampler .06.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._twelve_methods import pick
from trlib.algorithms import Correction

SWEEP = Sweep(
    title="four-bit sampler",
    round=1,
    text="Which anchor survives a sampler of another precision, and does truncated importance "
    "sampling help?",
    variants=[
        *pick("pg_is", "ppo", "cispo", "dppo-tv", "quatro", "troll"),
        Variant("ppo", {"correction": Correction()}, label="ppo+tis"),
    ],
    axes=[Axis("sampler", ("int4", "bf16", "fp32")), Axis("anchor", ("rollout", "recomputed"))],
    train={"minibatches": 8},
    budget=Budget(steps=30),
    predictions=[
        *(
            Prediction(
                f"half precision shows nothing: {label} learns",
                higher=label,
                lower=0.7,
                at={"sampler": "bf16"},
            )
            for label in ("ppo", "dppo-tv", "troll")
        ),
        Prediction(
            "PPO keeps learning on the recomputed ratio",
            higher="ppo",
            lower=0.5,
            at={"sampler": "int4", "anchor": "recomputed"},
        ),
        Prediction(
            "on the sampler's ratio a mask on total variation is better than a clip",
            higher="dppo-tv",
            lower="ppo",
            at={"sampler": "int4", "anchor": "rollout"},
        ),
        Prediction(
            "an anchor outside of the region drags the policy: PPO is above TROLL on the "
            "sampler's anchor",
            higher="ppo",
            lower="troll",
            at={"sampler": "int4", "anchor": "rollout"},
        ),
        Prediction(
            "truncated importance sampling helps PPO",
            higher="ppo+tis",
            lower="ppo",
            at={"sampler": "int4", "anchor": "recomputed"},
        ),
    ],
)
