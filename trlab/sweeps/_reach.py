"""What the sweeps of the reach share: R, A and A + δ, each with TIS, where the sampler is 64 or 256
updates stale or has eight bits. 384 batches, so that at 256 updates a third of the run learns from
samples of policies that have themselves learned."""

from dataclasses import replace

from trlab import Axis, Variant
from trlab.sweeps._one_setting import A_TIS, ARMS, BUDGET, R_TIS, UNWEIGHTED

QUESTION = "how far does it reach"
SMALL, MIDDLE = "A + 0.1, tis", "A + 0.3, tis"
VARIANTS = (
    *(arm for arm in ARMS if arm.label in (R_TIS, A_TIS)),
    Variant("centered", {"shift": 0.1, **UNWEIGHTED}, label=SMALL),
    Variant("centered", {"shift": 0.3, **UNWEIGHTED}, label=MIDDLE),
)
OLDER, OLDEST, EIGHT = "lag 64", "lag 256", "int8"
PLACES = [Axis("sampler", {OLDER: {"lag": 64}, OLDEST: {"lag": 256}, EIGHT: {"sampler": "int8"}})]
LONGER = replace(BUDGET, steps=384)
KNOWN = (
    "Pilots on `dial` at 3e-4, 256 batches, one run per cell with one of the seeds 81000 to 81003: R with "
    "TIS .97 at 64 and at 256 updates (seed 81002); A + 0.3 with TIS .96 at 16 updates and .03 with four "
    "bits. None at eight bits, none of A + 0.1, none on `spend`."
)
