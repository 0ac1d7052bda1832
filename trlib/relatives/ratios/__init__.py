"""Ways other than a fixed clip to restrain the sampled token's ratio: `windows` that adapt (`bapo` has
a file of its own), and `weights`, prices and a mask that need none."""

from typing import Any

from trlib.algorithms.kl_penalty import dual_ascent
from trlib.relatives.ratios.bapo import BAPO, BAPO_PAPER, bapo_bounds, bapo_loss
from trlib.relatives.ratios.weights import (
    CAPO,
    CPGD,
    R2VPO,
    MinPRO,
    capo_mask,
    cpgd_loss,
    minpro_loss,
    priced,
    r2vpo_loss,
    without,
)
from trlib.relatives.ratios.windows import (
    RIPO,
    BandPO,
    ClipBandit,
    KL3Clip,
    PbPPO,
    TREFree,
    TurnPPO,
    bandpo_loss,
    kl3_window,
    ripo_loss,
    trefree_loss,
    turns_of,
)

RELATIVES: dict[str, Any] = {
    "bapo": BAPO,
    "minpro": MinPRO,
    "cpgd": CPGD,
    "r2vpo": R2VPO,
    "capo": CAPO,
    "trefree": TREFree,
    "pb_ppo": PbPPO,
    "kl3_clip": KL3Clip,
    "bandpo": BandPO,
    "turn_ppo": TurnPPO,
    "ripo": RIPO,
}
