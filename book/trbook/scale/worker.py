"""Four updates on a batch that is drawn beforehand, in one process or in several: what
`distributed` compares.

    python -m trbook.scale.worker trl                                                 one process
    torchrun --standalone --nproc_per_node 2 -m trbook.scale.worker trl               two
    torchrun --standalone --nproc_per_node 2 -m trbook.scale.worker fsdp FOLDER
    python -m trbook.scale.worker ray FOLDER

`trl` is TRL's own trainer with DPPO's loss through the bridge; `fsdp` is torch's `fully_shard`
around the policy, and a loop of a few lines; `ray` is verl's loss in two workers of Ray. The first
two learn from what the embedded policy of `dial` wrote before, so one process and two can be
compared number by number. FOLDER/result.json says how many processes there were, and weights.pt
beside it holds what they learned; without a FOLDER they go into `two_processes`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch

import trlib
from trbook.rollout import rollout
from trbook.scale.distributed import FOLDER
from trlib.algorithms import dppo_loss
from trlib.model.completions import Completions
from trlib.model.loading import EMBEDDED

PROMPTS, GROUP, UPDATES = 16, 4, 4
LR, DELTA_TV = 1e-3, 0.05
LOSSES = "from trlib.bridges.verl import register\n\nregister()\n"
"""The module that a worker of verl imports to have this package's losses."""


def drawn() -> tuple[Completions, torch.Tensor]:
    """The batch, and the verifier's reward of each completion."""
    return rollout(trlib.load_policy("dial"), 0, prompts=PROMPTS, group=GROUP)


def with_trl(folder: Path) -> dict[str, Any]:
    """TRL's trainer, DPPO anchored on what sampled."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig

    from trlib.bridges.trl import TrustRegionTrainer

    batch, rewards = drawn()
    texts = list(dict.fromkeys(batch.prompt_texts()))
    length = batch.mask.sum(-1).tolist()

    def rollouts(prompts: list[str], trainer: Any) -> dict[str, list[Any]]:
        seen: Counter[str] = Counter()
        columns: dict[str, list[Any]] = {
            "prompt_ids": [],
            "completion_ids": [],
            "logprobs": [],
            "earned": [],
        }
        for prompt in prompts:
            row = texts.index(prompt) * GROUP + seen[prompt]
            seen[prompt] += 1
            columns["prompt_ids"].append(trainer.processing_class(prompt).input_ids)
            columns["completion_ids"].append(batch.tokens[row, : length[row]].tolist())
            columns["logprobs"].append(batch.logp[row, : length[row]].tolist())
            columns["earned"].append(rewards[row].item())
        return columns

    class Trainer(TrustRegionTrainer):
        token_loss = staticmethod(partial(dppo_loss, delta_tv=DELTA_TV))

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    settings = GRPOConfig(
        output_dir=str(folder),
        per_device_train_batch_size=PROMPTS * GROUP // processes,
        num_generations=GROUP,
        max_steps=UPDATES,
        num_iterations=UPDATES,
        max_completion_length=16,
        learning_rate=LR,
        loss_type="dr_grpo",
        scale_rewards="none",
        lr_scheduler_type="constant",
        max_grad_norm=1e9,
        use_cpu=True,
        bf16=False,
        report_to=[],
        gradient_checkpointing=False,
        save_strategy="no",
        disable_tqdm=True,
        logging_steps=1,
        seed=0,
    )
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(EMBEDDED / "dial"),
        args=settings,
        rollout_func=rollouts,
        reward_funcs=lambda completions, earned, **_: earned,
        train_dataset=Dataset.from_list([{"prompt": text} for text in texts]),
        processing_class=AutoTokenizer.from_pretrained(EMBEDDED / "dial"),
    )
    trainer.train()
    kept = [round(row["kept"], 4) for row in trainer.state.log_history if "kept" in row]
    wrapped: Any = trainer.model_wrapped
    return {
        "processes": trainer.accelerator.num_processes,
        "kept": kept,
        "own_parameters": _own(wrapped.parameters()),
        "how": str(trainer.accelerator.distributed_type).rpartition(".")[2],
        "state": trainer.accelerator.unwrap_model(trainer.model).state_dict(),
    }


def with_fsdp(folder: Path) -> dict[str, Any]:
    """torch's own sharding of parameters, gradients and AdamW's state; a loop of our own."""
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor

    batch, rewards = drawn()
    processes, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    policy = trlib.load_policy("dial")
    model: Any = policy.model
    if processes > 1:
        distributed.init_process_group("gloo")
        mesh = init_device_mesh("cpu", (processes,))
        for layer in model.model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, betas=(0.9, 0.95), weight_decay=0)
    advantages = (rewards.view(-1, GROUP) - rewards.view(-1, GROUP).mean(1, keepdim=True)).view(
        -1, 1
    )
    mine = torch.arange(len(batch)).chunk(processes)[rank]
    ids = torch.cat([batch.prompt_ids[batch.group], batch.tokens], 1)[mine]
    attention = torch.cat([batch.prompt_mask[batch.group], batch.present], 1)[mine].long()
    position = (attention.cumsum(-1) - 1).clamp(min=0)
    width, mask = batch.tokens.shape[1], batch.mask[mine]
    kept = []
    for _ in range(UPDATES):
        logits = model(input_ids=ids, attention_mask=attention, position_ids=position).logits[
            :, -width - 1 : -1
        ]
        logp = logits.log_softmax(-1).gather(-1, ids[:, -width:, None]).squeeze(-1)
        token_loss = dppo_loss(
            logp,
            batch.logp[mine],
            advantages=advantages[mine].expand_as(logp),
            mask=mask,
            delta_tv=DELTA_TV,
        )
        # each process divides by its own rows' share of the whole batch: the mean of the gradients
        # is the whole one's
        loss = token_loss.per_token.sum() * processes / (len(batch) * width)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        count = torch.stack([(token_loss.diagnostics["kept"] & mask).sum(), mask.sum()]).float()
        if processes > 1:
            distributed.all_reduce(count)
        kept.append(round(float(count[0] / count[1]), 4))
    state = {
        name: value.full_tensor() if isinstance(value, DTensor) else value
        for name, value in model.state_dict().items()
    }
    return {
        "processes": processes,
        "kept": kept,
        "own_parameters": _own(model.parameters()),
        "how": "fully_shard" if processes > 1 else "NO",
        "state": state,
    }


def _own(parameters: Iterable[Any]) -> int:
    """How many of the numbers this process holds."""
    return sum((p.to_local() if hasattr(p, "to_local") else p).numel() for p in parameters)


def with_ray(folder: Path) -> dict[str, Any]:
    """verl's own loss function in two Ray workers, each on half of the batch: their losses' mean is
    the whole one's."""
    import ray

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "losses.py").write_text(LOSSES, encoding="utf-8")
    passed = {
        "VERL_USE_EXTERNAL_MODULES": "losses",
        "PYTHONPATH": os.pathsep.join([str(folder.resolve()), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",
    }
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": passed},
    )
    batch, rewards = drawn()
    advantages = (rewards - rewards.mean()).unsqueeze(-1).expand_as(batch.logp)
    moved = 0.3 * torch.randn(batch.logp.shape, generator=torch.Generator().manual_seed(0))
    logp = (batch.logp + moved).clamp(max=-1e-4)
    whole = dppo_loss(logp, batch.logp, advantages=advantages, mask=batch.mask, delta_tv=0.15)
    work = ray.remote(num_cpus=1)(_verl_loss)
    halves = [rows.tolist() for rows in torch.arange(len(batch)).chunk(2)]
    parts = ray.get(
        [
            work.remote(logp[half], batch.logp[half], advantages[half], batch.mask[half])
            for half in halves
        ]
    )
    ray.shutdown()
    loss = sum(one["loss"] for one in parts) / 2
    apart = abs(loss - (whole.per_token.sum() / len(batch)).item())
    if len({one["process"] for one in parts}) != 2 or apart > 1e-6:
        raise RuntimeError(
            f"expected two workers whose mean loss is the whole batch's, got {parts}, {apart} apart"
        )
    return {"processes": 2, "how": "Ray", "losses": parts[0]["names"], "apart": apart, "state": {}}


def _verl_loss(
    logp: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor
) -> dict[str, Any]:
    """What a worker of verl computes; its import of verl has registered this package's losses."""
    from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY, get_policy_loss_fn
    from verl.workers.config import ActorConfig

    config = ActorConfig(strategy="fsdp", rollout_n=GROUP, ppo_micro_batch_size_per_gpu=8)
    loss, _ = get_policy_loss_fn("trlib_dppo_tv")(
        old, logp, advantages, mask, "seq-mean-token-sum", config, None
    )
    return {
        "process": os.getpid(),
        "loss": loss.item(),
        "names": sorted(name for name in POLICY_LOSS_REGISTRY if name.startswith("trlib_")),
    }


KINDS = {"trl": with_trl, "fsdp": with_fsdp, "ray": with_ray}


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    kind, folder = arguments[0], Path(*arguments[1:2] or [FOLDER])
    result = KINDS[kind](folder)
    if int(os.environ.get("RANK", "0")) == 0:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(result.pop("state"), folder / "weights.pt")
        (folder / "result.json").write_text(json.dumps(result) + "\n", encoding="utf-8")
        print(json.dumps(result))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
