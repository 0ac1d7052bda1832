"""Where the time of our loop goes, stage by stage.

    python -m benchmarks.loop.stages                      both regimes
    python -m benchmarks.loop.stages --regime reuse --record ''

Wraps the functions of the loop, each with the time it does not spend in another one, by processor
time; the rest is what stands between them. Writes benchmarks/loop/stages.json.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

import trlib
from benchmarks.loop.run import BATCHES, LABELS
from benchmarks.loop.sides import GROUP, PROMPTS, REGIMES
from benchmarks.record import circumstances, finish, parser
from trlib.algorithms import GRPO
from trlib.loop import collect, metrics, minibatch
from trlib.model import rollout
from trlib.model.policy import Policy

WARM = 3
"""Batches before the clock starts."""
PARTS: tuple[tuple[Any, str, str], ...] = (
    (collect, "sample", "sampling: the rest"),
    (rollout._Writer, "_forward", "sampling: model"),
    (rollout._Writer, "_draw", "sampling: drawing tokens"),
    (collect.Collector, "_verify", "verification"),
    (collect.Collector, "prepare", "advantages and old log-probs"),
    (minibatch.Minibatch, "score", "forward"),
    (GRPO, "objective", "objective"),
    (torch.Tensor, "backward", "backward"),
    (torch.nn.utils, "clip_grad_norm_", "optimiser"),
    (torch.optim.AdamW, "step", "optimiser"),
    (metrics, "on_probe", "metrics: exact, on the probe"),
    (minibatch, "observe", "metrics: of the updates"),
    (metrics, "summarise", "metrics: of the updates"),
)
"""Owner, name and stage of what is wrapped."""


class Stages:
    """Processor time by stage; a stage inside another one is counted once, as itself."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.stack, self.last = ["the rest"], time.process_time()

    def _charge(self) -> None:
        now = time.process_time()
        self.seconds[self.stack[-1]] += now - self.last
        self.last = now

    def wrap(self, function: Callable, stage: str) -> Callable:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._charge()
            self.stack.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self.stack.pop()

        return timed

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Wrap every part inside a `with` block."""
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in PARTS]
        for owner, name, stage in PARTS:
            setattr(owner, name, self.wrap(getattr(owner, name), stage))
        try:
            yield
        finally:
            for owner, name, function in before:
                setattr(owner, name, function)

    def begin(self) -> None:
        """Forget what was counted so far."""
        self._charge()
        self.seconds.clear()


class Starts:
    """A task that starts the clock at batch `WARM`."""

    def __init__(self, task: Any, stages: Stages) -> None:
        self.task, self.stages, self.batch = task, stages, 0
        self.name, self.max_tokens, self.settings = task.name, task.max_tokens, task.settings
        self.verify = task.verify

    def prompts(self, n: int, *, seed: int) -> Any:
        if self.batch == WARM:
            self.stages.begin()
        self.batch += 1
        return self.task.prompts(n, seed=seed)


def profile(regime: str, batches: int, seed: int = 0) -> dict[str, float]:
    """Milliseconds a batch, by stage, the largest first."""
    torch.set_num_threads(1)
    minibatches, epochs = REGIMES[regime]
    policy: Policy = trlib.load_policy("dial")
    stages = Stages()
    with stages.installed():
        trlib.train(
            policy,
            Starts(trlib.load_task("dial"), stages),
            GRPO(),
            steps=WARM + batches,
            seed=seed,
            prompts=PROMPTS,
            group=GROUP,
            minibatches=minibatches,
            epochs=epochs,
            progress=False,
        )
        stages._charge()
    return {name: 1000 * seconds / batches for name, seconds in stages.seconds.most_common()}


def table(found: dict[str, dict[str, float]]) -> str:
    """Milliseconds and share of each stage, a column a regime."""
    order = list(next(iter(found.values())))
    head = " | ".join(f"{LABELS[regime]}, ms a batch" for regime in found)
    lines = [f"| stage | {head} |", "|---|" + "---|" * len(found)]
    for name in order:
        cells = [f"{by[name]:.1f} ({by[name] / sum(by.values()):.0%})" for by in found.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(
        [*lines, "| sum | " + " | ".join(f"{sum(by.values()):.1f}" for by in found.values()) + " |"]
    )


def main() -> int:
    options = parser(__doc__, Path(__file__).with_name("stages.json"))
    options.add_argument("--regime", choices=(*BATCHES, "both"), default="both")
    options.add_argument("--batches", type=int, help="batches a run (default: 60 and 25)")
    args = options.parse_args()
    record = circumstances()
    regimes = list(BATCHES) if args.regime == "both" else [args.regime]
    found = {regime: profile(regime, args.batches or BATCHES[regime]) for regime in regimes}
    return finish(args.record, record, table(found), milliseconds_a_batch=found)


if __name__ == "__main__":
    sys.exit(main())
