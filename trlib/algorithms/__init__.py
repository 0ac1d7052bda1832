"""The methods, one file each: a loss as a pure function, and a frozen dataclass that hands it to the loop."""

from __future__ import annotations

from trlib.algorithms.method import Batch, Correction, Method, Needs, Scores, Stage, Step, TokenLoss, TopK
from trlib.algorithms.ppo import PGIS, PPO, pg_is_loss, ppo_loss
from trlib.algorithms.reinforce import REINFORCE, reinforce_loss

ALGORITHMS: dict[str, type[Method]] = {
    "reinforce": REINFORCE,
    "pg_is": PGIS,
    "ppo": PPO,
}
"""From name to class; every value takes its settings as keyword arguments."""

__all__ = [
    "ALGORITHMS", "Batch", "Correction", "Method", "Needs", "Scores", "Stage", "Step", "TokenLoss", "TopK",
    "PGIS", "PPO", "REINFORCE",
    "pg_is_loss", "ppo_loss", "reinforce_loss",
]
