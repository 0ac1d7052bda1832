"""What the sweeps of age at an equal distance share: old completions, each used once, at ages of 16
and 64 updates, with no region, PPO's clip, DPPO's mask and TROLL.

The distance is the one that age makes: the median over batches of KL(mu || pi) from the policy that
wrote a batch to the one after the update that the batch made (`kl_own_median`).
"""

from collections.abc import Mapping

from trlab import Budget, Variant
from trlab.sweeps._third_round import BATCH

STEPS, EVERY = 384, 16
REGIONS = {
    "none": ("pg_is", {}),
    "clip": ("ppo", {}),
    "dppo": ("dppo", {"delta_tv": 0.15}),
    "troll": ("troll", {}),
}
AGES = (16, 64)
BUDGET = Budget(steps=STEPS, prompts=512, samples=8, common=2026)


def name(region: str, age: int) -> str:
    return f"{region}, {age}"


def aged(region: str, age: int, axis: str, rates: Mapping[str, float]) -> Variant:
    """A region at an age, with a learning rate of its own at each point of an axis."""
    method, settings = REGIONS[region]
    return Variant(
        method,
        settings,
        label=name(region, age),
        train={**BATCH, "lag": age, "anchor": "rollout"},
        instead={axis: {point: {"lr": rate} for point, rate in rates.items()}},
    )
