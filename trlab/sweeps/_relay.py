"""What the sweeps on `relay` share: a stale, noisy, refitted regime, and the 23 methods for it
beside two others.

Completions have 64 tokens. A sampler that is two batches behind writes them, with noise of .01 on
its logits: about what half precision does to a token's log-ratio in chapter 13. Every batch of 8
prompts x 8 completions is used four times, for twelve batches. The regime was chosen on seeds 7700
to 7704, one run of most methods, at rates from 3e-5 to 3e-3: at 3e-5 nothing has learnt much after
twelve batches, at 3e-4 most have, at 1.5e-3 no region has collapsed.

Two thresholds are not the defaults, which learn slowly or drop nearly everything at a high rate (at
1.5e-3 TRM's kept three tokens in a hundred): the geometric mask keeps means from .97 to 1.03
instead of .999 to 1.001, and TRM keeps completions up to 1 nat for a token and .02 on average
instead of .1 and .002.
"""

from trlab import Budget, Variant
from trlib.algorithms import Correction

RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
HOT = 1.5e-3
"""A rate for all, between the last two of the map."""
KNOBS = {"horizon": 64}
REGIME = {
    "prompts": 8,
    "group": 8,
    "epochs": 4,
    "lag": 2,
    "logit_noise": 0.01,
    "warmup": 0,
    "probe": 4,
}
BUDGET = Budget(steps=12, prompts=128, samples=4, common=2027)
WIDER = {"correction": Correction(cap=1.03, level="geometric", how="reject", floor=0.97)}
STALE = (
    *map(Variant, ("tis", "tis_seq", "mis", "mis_seq")),
    Variant("geo_mask", WIDER),
    *map(Variant, ("icepop", "vespo", "topr", "ctpo", "a3po", "luspo", "vcpo", "m2po", "opsm")),
    Variant("trm", {"delta_max": 1.0, "delta_mean": 0.02}),
    *map(Variant, ("vaco", "cppo", "clip_cov", "drpo", "cfpo", "kl_cov", "opmd", "tpo")),
)
VARIANTS = (Variant("pg_is"), Variant("ppo"), *STALE)
