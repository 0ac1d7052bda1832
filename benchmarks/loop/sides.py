"""One measured run in this process, by our loop, by TRL's or by one that is written out: the same
model, task, method and updates.

    python -m benchmarks.loop.sides trlib one --batches 60 --seed 0

Prints one JSON document. Time is taken at the verifier, which both sides call once a batch: the
seconds between the verdicts of batch `warm` and those of the last one hold whole cycles of learning
and sampling, and neither side's start or end.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

import trlib
from benchmarks.record import parser
from examples import minimal_grpo
from trlib.algorithms import GRPO
from trlib.replaced import replaced
from trlib.seeds import derive

PROMPTS, GROUP = 16, 16
REGIMES = {"one": (1, 1), "reuse": (8, 4), "updates": (1, 16)}
"""Minibatches and epochs: one update a batch; 32 of an eighth of it; 16 of all of it, so that
updates are most of the time."""
TRL_BASE: dict[str, Any] = {
    # What a knowing user sets for speed on a CPU: no mixed precision, no recomputation of
    # activations, no reports.
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": "none",
    "disable_tqdm": True,
    "save_strategy": "no",
    "logging_steps": 10,
    "logging_nan_inf_filter": False,
    "log_completions": False,
    "shuffle_dataset": False,
    "optim": "adamw_torch_fused",
    "dataloader_pin_memory": False,
    # The same method: group-normalised rewards, clip .2, mean over each completion, no reference.
    "loss_type": "grpo",
    "scale_rewards": "group",
    "beta": 0.0,
    "epsilon": 0.2,
    # The same optimiser.
    "learning_rate": 1e-4,
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 10,
    "adam_beta1": 0.9,
    "adam_beta2": 0.95,
    "adam_epsilon": 1e-8,
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "temperature": 1.0,
}
"""`GRPOConfig` of every TRL run; the batch's shape is added by regime."""


@dataclass
class Clock:
    """When each batch was verified, and what came of it."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    reward: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    judged: list[float] = field(default_factory=list)

    def judge(self, reward: float, size: int) -> None:
        """One more completion of a batch of this size; the last one ticks."""
        self.judged.append(reward)
        if len(self.judged) == size:
            self.tick(fmean(self.judged), 0)
            self.judged.clear()

    def tick(self, reward: float, tokens: int) -> None:
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())
        self.reward.append(reward)
        self.tokens.append(tokens)


class Timed:
    """A task that notes the time whenever a whole batch has been verified."""

    def __init__(self, task: Any, clock: Clock, size: int) -> None:
        self.task, self.clock, self.size = task, clock, size
        self.name, self.max_tokens, self.settings = task.name, task.max_tokens, task.settings

    def prompts(self, n: int, *, seed: int) -> Any:
        return self.task.prompts(n, seed=seed)

    def verify(self, prompt: Any, completion: str, *, ended: bool) -> Any:
        verdict = self.task.verify(prompt, completion, ended=ended)
        self.clock.judge(verdict.reward, self.size)
        return verdict


def ours(
    policy: Any,
    task: Any,
    regime: str,
    batches: int,
    seed: int,
    clock: Clock,
    *,
    shape: tuple[int, int] = (PROMPTS, GROUP),
    **more: Any,
) -> None:
    """`trlib.train` with its defaults: every metric of the history, on every batch."""
    minibatches, epochs = REGIMES[regime]
    prompts, group = shape
    run = trlib.train(
        policy,
        Timed(task, clock, prompts * group),
        GRPO(),
        steps=batches,
        seed=seed,
        prompts=prompts,
        group=group,
        minibatches=minibatches,
        epochs=epochs,
        progress=False,
        **more,
    )
    clock.tokens = [round(length * prompts * group) for length in run.history["length"]]


def trl(
    policy: Any,
    task: Any,
    regime: str,
    batches: int,
    seed: int,
    clock: Clock,
    *,
    shape: tuple[int, int] = (PROMPTS, GROUP),
    **more: Any,
) -> None:
    """`GRPOTrainer` on the same prompts in the same order, rewarded by the same verifier."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    minibatches, epochs = REGIMES[regime]
    prompts, group = shape
    asked = [
        p for k in range(batches) for p in task.prompts(prompts, seed=derive(seed, "train", k))
    ]
    end = policy.end_id

    def reward(
        prompts: list[str],
        completions: list[str],
        completion_ids: list[list[int]],
        index: list[int],
        **_: Any,
    ) -> list[float]:
        given = [
            task.verify(asked[i], text, ended=ids[-1] == end).reward
            for i, text, ids in zip(index, completions, completion_ids, strict=True)
        ]
        clock.tick(sum(given) / len(given), sum(map(len, completion_ids)))
        return given

    with tempfile.TemporaryDirectory() as folder:
        config = {
            **TRL_BASE,
            "output_dir": folder,
            "seed": seed,
            "max_completion_length": task.max_tokens,
            "per_device_train_batch_size": prompts * group // minibatches,
            "num_generations": group,
            "steps_per_generation": minibatches,
            "num_iterations": epochs,
            "gradient_accumulation_steps": 1,
            "max_steps": batches * minibatches * epochs,
            **more,
        }
        trainer = GRPOTrainer(
            model=policy.model,
            reward_funcs=reward,
            args=GRPOConfig(**config),
            processing_class=policy.tokenizer,
            train_dataset=Dataset.from_dict(
                {"prompt": [p.text for p in asked], "index": list(range(len(asked)))}
            ),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def hand(
    policy: Any,
    task: Any,
    regime: str,
    batches: int,
    seed: int,
    clock: Clock,
    *,
    shape: tuple[int, int] = (PROMPTS, GROUP),
    **more: Any,
) -> None:
    """`examples/minimal_grpo.py`, with prompts of its own of the same kind."""
    prompts, group = shape
    reward_of = minimal_grpo.reward

    def timed(text: str, answer: int) -> float:
        reward = reward_of(text, answer)
        clock.judge(reward, prompts * group)
        return reward

    with tempfile.TemporaryDirectory() as out, replaced(minimal_grpo, reward=timed):
        asked = {"prompts": prompts, "group": group, "steps": batches, "seed": seed, "out": out}
        asked |= {"epochs": REGIMES[regime][1], "lr": 1e-4, "held-out": 0, **more}
        options = [f"--{name}={value}" for name, value in asked.items()]
        history = minimal_grpo.train(minimal_grpo.settings(options))
        policy.load_state(trlib.load_policy(out).state())
    clock.tokens = [round(row["length"] * prompts * group) for row in history]


SIDES = {"trlib": ours, "trl": trl, "hand": hand}


def measure(
    side: str, regime: str, batches: int, seed: int, warm: int, more: dict[str, Any]
) -> dict[str, Any]:
    """One run; completions and tokens per second of wall and of CPU time, and how well it
    learned."""
    torch.set_num_threads(1)
    task, policy, clock = trlib.load_task("dial"), trlib.load_policy("dial"), Clock()
    SIDES[side](policy, task, regime, batches, seed, clock, **more)
    if len(clock.wall) != batches:
        raise RuntimeError(f"{side}: expected {batches} verified batches, got {len(clock.wall)}")
    found = trlib.evaluate(policy, task, prompts=256, samples=4)
    wall, cpu = clock.wall[-1] - clock.wall[warm], clock.cpu[-1] - clock.cpu[warm]
    count, tokens = (batches - 1 - warm) * PROMPTS * GROUP, sum(clock.tokens[warm + 1 :])
    return {
        "side": side,
        "regime": regime,
        "batches": batches,
        "seed": seed,
        "options": more,
        "completions_per_s": count / wall,
        "completions_per_cpu_s": count / cpu,
        "tokens_per_s": tokens / wall,
        "seconds_a_batch": wall / (batches - 1 - warm),
        "tokens_a_completion": tokens / count,
        "reward_last_10": fmean(clock.reward[-10:]),
        "sampled_accuracy": found.as_dict()["sampled"],
        "greedy_accuracy": found.greedy.value,
    }


def main() -> int:
    options = parser(__doc__)
    options.add_argument("side", choices=SIDES)
    options.add_argument("regime", choices=REGIMES)
    options.add_argument("--batches", type=int, default=60)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--warm", type=int, default=3, help="batches before the clock starts")
    options.add_argument(
        "--more", "--options", type=json.loads, default={}, help="of the side, as JSON"
    )
    print(json.dumps(measure(**vars(options.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
