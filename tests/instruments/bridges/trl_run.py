"""A few updates of the TRL bridge, or of TRL alone, on fixed rollouts, in one process or more: what
test_trl compares.

trl_run.py JOBS     a JSON list of [FOLDER, KIND, SETTINGS], KIND of KINDS, SETTINGS of GRPOConfig:
each job writes
                    FOLDER/{weights.pt, history.json}. torchrun starts several processes.
"""

import json
import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from trlib.algorithms import dppo_loss, ppo_loss
from trlib.bridges.trl import TrustRegionTrainer
from trlib.model.loading import EMBEDDED

PROMPTS, GROUP = [f"{start} : +{move} =" for start in (3, 5, 8, 9) for move in (1, 2, 4, 6)], 4


QUIET = {
    "use_cpu": True,
    "bf16": False,
    "report_to": [],
    "logging_steps": 1,
    "save_strategy": "no",
    "disable_tqdm": True,
    "lr_scheduler_type": "constant",
    "seed": 0,
}
"""Settings of GRPOConfig for a run that is compared and not kept."""


class Around(TrustRegionTrainer):
    """DPPO around the policy that sampled."""

    token_loss = staticmethod(partial(dppo_loss, delta_tv=1e-4))


class Clipped(TrustRegionTrainer):
    """TRL's own loss, through the bridge."""

    token_loss = staticmethod(partial(ppo_loss, eps_low=0.2, eps_high=0.2))
    anchor = "recomputed"


class Pushed(Around):
    """What lies below its group's mean is left alone, and all is pushed up a little."""

    advantage, shift = "right-only", 0.05


KINDS = {"dppo": Around, "push": Pushed, "bridge": Clipped, "trl": GRPOTrainer}


def rollouts(prompts, trainer):
    """Completions and sampler's log-probs that depend on nothing but the prompt and how often it
    came."""
    drawn = {"prompt_ids": [], "completion_ids": [], "logprobs": []}
    seen = Counter()
    for prompt in prompts:
        g = torch.Generator().manual_seed(PROMPTS.index(prompt) * GROUP + seen[prompt])
        seen[prompt] += 1
        length = int(torch.randint(1, 7, (), generator=g))
        drawn["prompt_ids"].append(trainer.processing_class(prompt).input_ids)
        drawn["completion_ids"].append(torch.randint(2, 20, (length,), generator=g).tolist())
        drawn["logprobs"].append((-4 - 8 * torch.rand(length, generator=g)).tolist())
    return drawn


def reward(completion_ids, **_):
    return [sum(ids) % 5 / 4 for ids in completion_ids]


def main(jobs):
    torch.set_num_threads(1)
    for folder, kind, given in jobs:
        run(Path(folder), kind, given)


def run(folder, kind, given):
    processes = int(os.environ.get("WORLD_SIZE", 1))
    settings = GRPOConfig(
        **{
            "output_dir": str(folder),
            "per_device_train_batch_size": 16 // processes,
            "num_generations": GROUP,
            "max_steps": 4,
            "max_completion_length": 8,
            "num_iterations": 2,
            "optim": "sgd",
            "learning_rate": 0.1,
            "max_grad_norm": 1e9,
            "scale_rewards": "none",
            **QUIET,
            **given,
        }
    )
    trainer = KINDS[kind](
        model=AutoModelForCausalLM.from_pretrained(EMBEDDED / "dial"),
        args=settings,
        reward_funcs=reward,
        train_dataset=Dataset.from_list([{"prompt": p} for p in PROMPTS]),
        rollout_func=rollouts,
        processing_class=AutoTokenizer.from_pretrained(EMBEDDED / "dial"),
    )
    trainer.train()
    if trainer.accelerator.is_main_process:
        folder.mkdir(exist_ok=True, parents=True)
        torch.save(
            trainer.accelerator.unwrap_model(trainer.model).state_dict(), folder / "weights.pt"
        )
        (folder / "history.json").write_text(
            json.dumps({"processes": processes, "log": trainer.state.log_history})
        )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
