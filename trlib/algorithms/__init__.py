"""The methods, one file each: a loss as a pure function, and a frozen dataclass that hands it to
the loop."""

from trlib.algorithms.centering import (
    Centered,
    center_scores,
    center_scores_topk,
    centered_sparse_loss,
    weighted_loss,
)
from trlib.algorithms.cispo import CISPO, cispo_loss
from trlib.algorithms.critic import PPOCritic, value_loss
from trlib.algorithms.dppo import DPPO, dppo_loss, dppo_sparse_loss
from trlib.algorithms.gmpo import GMPO, gmpo_loss
from trlib.algorithms.grpo import DAPO, GRPO, DrGRPO, add_reference_kl
from trlib.algorithms.gspo import GSPO, gspo_loss
from trlib.algorithms.kl_penalty import PPOPenalty
from trlib.algorithms.method import Batch, Method, Scores, Step, TokenLoss
from trlib.algorithms.needs import Needs, Provided
from trlib.algorithms.plan import Stage
from trlib.algorithms.ppo import PGIS, PPO, pg_is_loss, ppo_loss
from trlib.algorithms.pspo import PSPO, pspo_loss
from trlib.algorithms.quatro import QUATRO, quatro_loss
from trlib.algorithms.reference import Reference
from trlib.algorithms.reinforce import REINFORCE, reinforce_loss
from trlib.algorithms.sapo import SAPO, sapo_loss
from trlib.algorithms.trapo import SFT, TRAPO, SFTPlusRL, SFTThenRL, trsft_loss
from trlib.algorithms.troll import TROLL, sparsify, troll_loss, troll_sparse_loss
from trlib.algorithms.trpo import TRPO, conjugate_gradient
from trlib.corrections import Correction
from trlib.divergences import TopK

ALGORITHMS: dict[str, type[Method]] = {
    "reinforce": REINFORCE,
    "pg_is": PGIS,
    "trpo": TRPO,
    "ppo": PPO,
    "ppo_critic": PPOCritic,
    "ppo_penalty": PPOPenalty,
    "grpo": GRPO,
    "dr_grpo": DrGRPO,
    "dapo": DAPO,
    "gspo": GSPO,
    "cispo": CISPO,
    "sapo": SAPO,
    "gmpo": GMPO,
    "pspo": PSPO,
    "dppo": DPPO,
    "centered": Centered,
    "quatro": QUATRO,
    "troll": TROLL,
    "trapo": TRAPO,
    "sft": SFT,
    "sft_then_rl": SFTThenRL,
    "sft_plus_rl": SFTPlusRL,
}
"""From name to class; every value takes its settings as keyword arguments."""
