"""The methods for stale data on the long task, each at its own best learning rate and all at one
that is too high.

*Own* is the rate that the rule of `trlab.tuning` takes from `relay_map`. *Hot* is 1.5e-3 for all,
between the last two rates of the map. Twelve fresh seeds, because from twelve pairs of runs on the
signed-rank test leaves room for a family of a hundred questions (`trlab.significance`).

Known beforehand: the scratch runs that `_relay` names, one seed of each method at 1.5e-3. No run of
`relay_map` was looked at before these predictions were committed. What is expected in all: at their
own rates nearly all end alike; at 1.5e-3 at least 12 of the 23 end above no region or differ from
PPO; masks and weights of whole completions do better than those of tokens; and a price on a few
tokens, or on likely ones alone, is no region.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweep import load_sweep
from trlab.sweeps._relay import BUDGET, HOT, KNOBS, REGIME, STALE
from trlab.tuning import chosen

MAP = load_sweep("relay_map")
OWN_RATE, HOT_RATE = {"rate": "own"}, {"rate": "hot"}
UNHELD = ("vaco", "drpo", "kl_cov")
"""Expected to end as low as no region at the high rate."""
ABOVE_PPO = (
    *(
        "tis_seq",
        "mis_seq",
        "geo_mask",
        "vespo",
        "topr",
        "ctpo",
        "luspo",
        "opsm",
        "trm",
        "clip_cov",
        "cfpo",
        "tpo",
    ),
)
AS_PPO = ("tis", "mis", "icepop")
"""Expected where PPO is: a factor of tokens for a sampler that is two batches behind is near 1."""


def _own(variant: Variant) -> Variant:
    """The variant with its chosen rate at *own* alone."""
    return replace(variant, train={}, instead={"rate": {"own": dict(variant.train)}})


def _against_none(name: str) -> Prediction:
    if name in UNHELD:
        return Prediction(
            f"at 1.5e-3 {name} ends where no region does, within .1",
            higher=name,
            lower="pg_is",
            within=0.1,
            at=HOT_RATE,
        )
    return Prediction(
        f"at 1.5e-3 {name} ends above no region", higher=name, lower="pg_is", at=HOT_RATE
    )


def _against_ppo(name: str) -> Prediction:
    if name in AS_PPO:
        text = f"at 1.5e-3 {name} ends where PPO does, within .1"
        return Prediction(text, higher=name, lower="ppo", within=0.1, at=HOT_RATE)
    if name in ABOVE_PPO:
        return Prediction(f"at 1.5e-3 {name} ends above PPO", higher=name, lower="ppo", at=HOT_RATE)
    return Prediction(f"at 1.5e-3 {name} ends below PPO", higher="ppo", lower=name, at=HOT_RATE)


NAMES = tuple(variant.name for variant in STALE)


def SWEEP() -> Sweep:
    """The sweep, with the rates that the record of `relay_map` gives."""
    return Sweep(
        title="stale and noisy: every method at its own rate, and at one too high",
        round=3,
        text="With a sampler two batches behind and 64 tokens, which method keeps what it learnt "
        "if the rate is too "
        "high, and which learns most at its own?",
        task="relay",
        knobs=KNOBS,
        variants=[_own(variant) for variant in chosen(MAP)],
        axes=[Axis("rate", {"own": {}, "hot": {"lr": HOT}})],
        seeds=range(1910, 1922),
        tuned_on=MAP.seeds,
        train=REGIME,
        budget=BUDGET,
        predictions=[
            *map(_against_none, ("ppo", *NAMES)),
            *map(_against_ppo, NAMES),
            *(
                Prediction(
                    f"at its own rate {name} ends where no region does, within .05",
                    higher=name,
                    lower="pg_is",
                    within=0.05,
                    at=OWN_RATE,
                )
                for name in ("ppo", *NAMES)
            ),
            Prediction(
                "at 1.5e-3 a factor of the whole completion ends above one of tokens",
                higher="tis_seq",
                lower="tis",
                at=HOT_RATE,
            ),
            Prediction(
                "and a mask of whole completions above one of tokens",
                higher="mis_seq",
                lower="mis",
                at=HOT_RATE,
            ),
            Prediction(
                "a clip on prefixes ends above a factor of tokens",
                higher="ctpo",
                lower="tis",
                at=HOT_RATE,
            ),
            Prediction(
                "at their own rates token and completion end alike, within .05",
                higher="tis_seq",
                lower="tis",
                within=0.05,
                at=OWN_RATE,
            ),
            Prediction(
                "TOPR imitates what was right at full weight, and takes off before PPO at its own "
                "rate",
                higher="topr",
                lower="ppo",
                measure="take_off",
                at=OWN_RATE,
            ),
        ],
    )
