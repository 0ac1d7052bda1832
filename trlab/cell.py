"""A cell: one run of `trlib.train`, evaluated: what describes it, and what it measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One run, completely described."""

    sweep: str
    label: str
    seed: int
    axes: Mapping[str, str]
    """The label at each axis."""
    method: str
    settings: Mapping[str, Any]
    train: Mapping[str, Any]
    """Arguments of `trlib.train` besides seed and steps, as far as the sweep gives them."""
    task: str
    knobs: Mapping[str, Any]
    policy: str
    steps: int
    prompts: int
    samples: int
    common: int | None = None
    """The evaluation's seed where all cells share one; None: the cell's own."""
    load: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `trlib.load_policy` besides the name."""
    aside: bool = False
    """Whether it also measures on completions put aside."""
    every: int = 1
    """The history keeps one batch of so many."""
    texts: int = 0
    """One batch of so many is kept with all that was written; 0: none."""
    id: str = field(default="", compare=False)
    """A hash of what decides the cell; labels are not part of it."""

    @property
    def place(self) -> tuple[str, ...]:
        """Label and axes: what cells that differ in their seeds share."""
        return (self.label, *self.axes.values())

    def __str__(self) -> str:
        return ", ".join(
            [
                self.label,
                *(f"{name} {label}" for name, label in self.axes.items()),
                f"seed {self.seed}",
            ]
        )


MEASURES: dict[str, str] = {
    "sampled": "share of sampled completions that are right after training, on prompts that it "
    "does not draw from",
    "greedy": "the same for greedy completions",
    "pass_at_most": "probability that one of the evaluation's samples of a prompt is right",
    "best_of_most": "share of prompts of whose samples in the evaluation the one with the highest "
    "reward is right",
    "distinct": "different right completions among a prompt's samples",
    "reward": "mean reward of the last five batches",
    "length": "mean tokens of a completion in the last batch",
    "entropy": "nats per token, in the last batch",
    "kl": "mean over batches of KL(mu || pi), nats per token",
    "kl_seq_back": "mean over batches of KL(pi || mu), nats per completion",
    "tv_max": "largest total variation of any token of any batch's probe",
    "kl_none": "mean over batches of KL(pi || mu), nats per completion, of prompts none of whose "
    "group was right",
    "kl_few": "the same of prompts of whose group up to a quarter was right",
    "kl_half": "the same of those with more, up to three quarters",
    "kl_many": "the same of those with still more, not all",
    "kl_all": "the same of those whose whole group was right",
    "kept": "mean over batches of the share of tokens that the trust region leaves their gradient",
    "ratio_max": "largest ratio that the objective saw",
    "seconds": "wall time of training, one thread",
    "cpu_seconds": "processor time of it, which other processes on the machine disturb less",
}
"""What a cell measures, one column each."""
ADDED_LATER = (
    "kl_none",
    "kl_few",
    "kl_half",
    "kl_many",
    "kl_all",
    "best_of_most",
    "overlong",
    "distinct",
    "ess",
    "kl_sampler",
    "ess_seq",
    "age",
    "rank",
    "fits",
    "push",
    "drift",
    "covariance",
    "right",
    "kl_ref",
    "kl_ref_seq",
)
"""Measures and columns of a history that earlier records lack: no part of a cell's digest, which
is thus the same for a run of either. They follow from what the digest covers."""
