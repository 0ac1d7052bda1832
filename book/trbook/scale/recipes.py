"""One GPU, and one machine with eight: what to type in TRL and verl, what a card then holds, and
where the time goes.

    recipe = RECIPES[8]
    print(trl_files(recipe))          train.py, fsdp.yaml and the command
    print(verl_command(recipe))       the command
    print(verl_command(recipe, asynchronous(recipe)))
        half of the cards sample while the others learn
    across(recipe, machines=4)        what to add on several machines
    on_a_card(recipe)
        {"weights": ..., "gathered": ..., ...}, bytes at the peak of an update
    seconds(recipe)
        {"sampling": ..., "update": ..., ...}, an estimate for one batch

Nobody has run these recipes. Tests hold every key to the libraries' own configurations; the names
of metrics were read in their sources. Bytes are those of `trbook.scale.memory`, spread over the
cards. Seconds divide bytes and multiplications by what a card can do, times the share of it that we
suppose a program reaches; they tell you which part is long, not how long it will be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from trbook.scale.memory import Setup, Shape, activations_a_token, parameters, sampling, updating
from trcheck.diagnose.scale import recorded

LINE = "\n    "


@dataclass(frozen=True)
class Card:
    """What a GPU can do, as its maker says; H100 SXM by default."""

    memory: float = 80e9
    bandwidth: float = 3.35e12
    """Bytes that it reads from its memory per second."""
    flops: float = 989e12
    """Multiplications and additions per second, in bfloat16."""
    inside: float = 450e9
    """Bytes per second to another card of the machine."""
    reads: float = 0.6
    """The share of `bandwidth` that sampling reaches: supposed."""
    computes: float = 0.4
    """The share of `flops` that an update reaches: supposed."""


H100 = Card()


@dataclass(frozen=True)
class Recipe:
    """A batch, and the cards of one machine that it is spread over; together they hold one copy of
    the weights."""

    gpus: int
    setup: Setup
    """The whole batch; `at_once` is per card."""
    engine: float
    """The share of a card's memory that vLLM takes."""

    @property
    def rows(self) -> int:
        """Completions per card, of one batch."""
        return self.setup.completions // self.gpus

    @property
    def tokens(self) -> int:
        """Counts the tokens of a prompt with its completion."""
        return self.setup.prompt + self.setup.completion

    @property
    def path(self) -> str:
        """The model's name on the hub."""
        return f"Qwen/{self.setup.model}"


def _recipe(gpus: int, engine: float, **batch: Any) -> Recipe:
    return Recipe(gpus, Setup(learns="full", group=8, prompt=256, **batch), engine)


RECIPES: dict[int, Recipe] = {
    1: _recipe(1, 0.3, model="Qwen2.5-0.5B", prompts=16, completion=1024, at_once=8),
    8: _recipe(8, 0.5, model="Qwen2.5-7B", prompts=64, completion=2048, at_once=4),
}
"""By the number of GPUs. All weights learn, and each batch is used once."""


def _layer(shape: Shape) -> int:
    """Weights of one block."""
    outside = shape.hidden + shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    return (parameters(shape) - outside) // shape.layers


def on_a_card(recipe: Recipe, *, recompute: bool = True) -> dict[str, int]:
    """Bytes on each card at the peak of an update, by part.

    Weights, gradients and AdamW's state are divided by `recipe.gpus`: 16 bytes per weight in all,
    however the library splits them. `gathered` is what a sharded pass holds whole for a moment, in
    bfloat16: embedding and output layer, the block at work and the next. With `recompute` a block
    keeps its input only, and one block at a time keeps everything (`gradient_checkpointing`).
    """
    setup, shape = recipe.setup, recipe.setup.shape
    whole, layer = updating(setup), _layer(recipe.setup.shape)
    tokens = setup.rows * recipe.tokens
    per_token = activations_a_token(setup)
    if recompute:
        per_token = 2 * shape.hidden * shape.layers + per_token // shape.layers
    outside = parameters(shape) - shape.layers * layer
    return {
        **{part: -(-whole[part] // recipe.gpus) for part in ("weights", "gradients", "optimizer")},
        "gathered": 2 * (outside + 2 * layer) if recipe.gpus > 1 else 0,
        "activations": tokens * per_token,
        "logits": whole["logits"],
    }


def room(recipe: Recipe, card: Card = H100) -> int:
    """Completions for which vLLM's share of a card has keys and values, beside its weights in
    bfloat16."""
    setup = recipe.setup
    cache = sampling(setup)["cache"] // setup.completions
    return int((recipe.engine * card.memory - 2 * parameters(setup.shape)) // cache)


def synced(recipe: Recipe) -> int:
    """Bytes that each sampler receives after an update: all weights, in bfloat16."""
    return 2 * parameters(recipe.setup.shape)


def seconds(recipe: Recipe, card: Card = H100, *, recompute: bool = True) -> dict[str, float]:
    """Seconds of one batch, estimated: `sampling`, `scoring` (the old log-probs), `update` and
    `sync`.

    Every step of sampling reads the weights, and the keys and values of the completions in hand, or
    it multiplies: what takes longer counts. An update does 6 operations per weight and token, 8
    with `recompute`; scoring does 2. Left out: prompts, rewards, attention's own operations, the
    traffic of shards, waiting for the longest completion.
    """
    setup, weights = recipe.setup, parameters(recipe.setup.shape)
    in_hand = min(recipe.rows, room(recipe, card))
    cache = (
        sampling(setup)["cache"]
        / setup.completions
        * (setup.prompt + setup.completion / 2)
        / recipe.tokens
    )
    step = max(
        (2 * weights + in_hand * cache) / (card.reads * card.bandwidth),
        2 * weights * in_hand / (card.computes * card.flops),
    )
    one_pass = 2 * weights * recipe.rows * recipe.tokens / (card.computes * card.flops)
    link = card.bandwidth if recipe.gpus == 1 else card.inside
    return {
        "sampling": step * setup.completion * recipe.rows / in_hand,
        "scoring": one_pass,
        "update": (4 if recompute else 3) * one_pass,
        "sync": synced(recipe) / link,
    }


def share(recipe: Recipe, card: Card = H100) -> float:
    """The sampler's share of a batch's time, estimated."""
    parts = seconds(recipe, card)
    return parts["sampling"] / sum(parts.values())


LITTLE = 1 / 3
"""The largest T σ² at which a completion's product of ratios costs little: e^(-1/3) of the batch is
left in effect."""
BOUND = 2.0
"""The largest weight of the recipes' correction."""


def noise(mismatch: float | None = None) -> float:
    """σ of a token's log-ratio between two engines, nats, supposed normal: its mean size times
    √(π/2).

    The mean size is measured, `sampling/sampling_logp_difference/mean` in TRL; None: bf16's,
    recorded on SmolLM2."""
    mean = (
        mismatch
        if mismatch is not None
        else next(row.deviation for row in recorded() if row.key == "bf16")
    )
    return mean * math.sqrt(math.pi / 2)


def level(recipe: Recipe, sigma: float | None = None) -> str:
    """Whose ratio corrects for the sampler: "sequence" while T σ² costs little, else "token"; None:
    σ is `noise()`."""
    sigma = noise() if sigma is None else sigma
    return "sequence" if recipe.setup.completion * sigma**2 <= LITTLE else "token"


def trl_settings(recipe: Recipe) -> dict[str, Any]:
    """Arguments of `trl.GRPOConfig`."""
    setup = recipe.setup
    return {
        "learning_rate": 1e-6,
        "beta": 0.0,
        "num_generations": setup.group,
        "max_completion_length": setup.completion,
        "per_device_train_batch_size": setup.at_once,
        "gradient_accumulation_steps": recipe.rows // setup.at_once,
        "bf16": True,
        "gradient_checkpointing": True,
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": recipe.engine,
        "vllm_enable_sleep_mode": True,
        "vllm_max_model_length": recipe.tokens,
        "vllm_importance_sampling_mode": f"{level(recipe)}_truncate",
        "vllm_importance_sampling_clip_max": BOUND,
        "logging_steps": 1,
    }


def accelerate_settings(recipe: Recipe) -> dict[str, Any]:
    """`fsdp.yaml`, what `accelerate launch --config_file` reads."""
    return {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "FSDP",
        "mixed_precision": "bf16",
        "num_machines": 1,
        "num_processes": recipe.gpus,
        "fsdp_config": {
            "fsdp_version": 2,
            "fsdp_reshard_after_forward": True,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_cpu_ram_efficient_loading": True,
            "fsdp_offload_params": False,
            "fsdp_state_dict_type": "SHARDED_STATE_DICT",
        },
    }


def trl_command(recipe: Recipe) -> str:
    """What starts `train.py`."""
    launch = "python" if recipe.gpus == 1 else "accelerate launch --config_file fsdp.yaml"
    return f"{launch} train.py"


def trl_files(recipe: Recipe) -> str:
    """The three files for TRL, as one text: train.py, fsdp.yaml where there are shards, and the
    command."""
    settings = LINE.join(f"{name}={value!r}," for name, value in trl_settings(recipe).items())
    text = (
        "# train.py; mine.py is yours: a data set with `prompt`, a reward function\n"
        "from mine import prompts, reward\nfrom trl import GRPOConfig, GRPOTrainer\n\n"
        f"config = GRPOConfig({LINE}{settings}\n)\n"
        f'GRPOTrainer(model="{recipe.path}", reward_funcs=reward,\n'
        "            args=config, train_dataset=prompts).train()\n"
    )
    if recipe.gpus > 1:
        text += f"\n# fsdp.yaml\n{_yaml(accelerate_settings(recipe))}"
    return f"{text}\n# the command\n{trl_command(recipe)}"


def _yaml(settings: dict[str, Any], indent: str = "") -> str:
    lines = []
    for name, value in settings.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{name}:\n{_yaml(value, indent + '  ')}")
        else:
            lines.append(
                f"{indent}{name}: {str(value).lower() if isinstance(value, bool) else value}\n"
            )
    return "".join(lines)


def verl_settings(recipe: Recipe) -> dict[str, Any]:
    """Overrides of `verl.trainer.main_ppo`."""
    setup, both = recipe.setup, "actor_rollout_ref"
    return {
        "algorithm.adv_estimator": "grpo",
        "algorithm.rollout_correction.rollout_is": level(recipe),
        "algorithm.rollout_correction.rollout_is_threshold": BOUND,
        "data.train_files": "train.parquet",
        "data.val_files": "test.parquet",
        "data.train_batch_size": setup.prompts,
        "data.max_prompt_length": setup.prompt,
        "data.max_response_length": setup.completion,
        "reward.custom_reward_function.path": "mine.py",
        f"{both}.model.path": recipe.path,
        f"{both}.model.enable_gradient_checkpointing": True,
        f"{both}.actor.strategy": "fsdp2",
        f"{both}.actor.optim.lr": 1e-6,
        f"{both}.actor.ppo_mini_batch_size": setup.prompts,
        f"{both}.actor.ppo_micro_batch_size_per_gpu": setup.at_once,
        f"{both}.actor.fsdp_config.fsdp_size": recipe.gpus,
        f"{both}.rollout.name": "vllm",
        f"{both}.rollout.n": setup.group,
        f"{both}.rollout.tensor_model_parallel_size": 1,
        f"{both}.rollout.gpu_memory_utilization": recipe.engine,
        f"{both}.rollout.free_cache_engine": True,
        f"{both}.rollout.calculate_log_probs": True,
        f"{both}.rollout.log_prob_micro_batch_size_per_gpu": setup.at_once,
        "trainer.nnodes": 1,
        "trainer.n_gpus_per_node": recipe.gpus,
        "trainer.logger": "[console]",
    }


VERSION, BEHIND = 4, 2
"""Of the asynchronous recipe: updates from one version of the sampler's weights to the next, and how
many versions ago a completion may have been begun, at most."""


def asynchronous(recipe: Recipe) -> dict[str, Any]:
    """The same batch in verl with half of the cards for sampling, which never stops: what
    `verl_settings` says, and what differs.

    The sampler gets new weights after `VERSION` updates. A completion that was begun more than
    `BEHIND` versions ago is dropped: verl counts the version at work as one. So the oldest tokens
    are (`BEHIND` + 1) `VERSION` - 1 updates behind the learner."""
    half, both = recipe.gpus // 2, "actor_rollout_ref"
    return verl_settings(recipe) | {
        "trainer.v1.trainer_mode": "separate_async",
        "trainer.v1.separate_async.parameter_sync_step": VERSION,
        "trainer.v1.sampler.max_off_policy_threshold": BEHIND + 1,
        "trainer.v1.sampler.max_off_policy_strategy": "drop",
        "trainer.n_gpus_per_node": half,
        f"{both}.hybrid_engine": False,
        f"{both}.actor.ppo_mini_batch_size": recipe.setup.prompts // VERSION,
        f"{both}.actor.fsdp_config.fsdp_size": half,
        f"{both}.rollout.nnodes": 1,
        f"{both}.rollout.n_gpus_per_node": recipe.gpus - half,
        f"{both}.rollout.gpu_memory_utilization": 0.85,
        f"{both}.rollout.free_cache_engine": False,
        f"{both}.rollout.checkpoint_engine.backend": "nccl",
    }


def across(recipe: Recipe, machines: int) -> dict[str, dict[str, Any]]:
    """What changes on several machines like the recipe's, by library: each holds a whole copy of
    the weights in shards, and the copies share their gradients (HSDP). With shards across machines
    every update would gather all weights through the network between them. Each machine starts
    accelerate with its own --machine_rank and the first one's --main_process_ip."""
    return {
        "verl": {
            "trainer.nnodes": machines,
            "actor_rollout_ref.actor.fsdp_config.fsdp_size": recipe.gpus,
        },
        "accelerate": {
            "num_machines": machines,
            "num_processes": machines * recipe.gpus,
            "parallelism_config": {
                "parallelism_config_dp_replicate_size": machines,
                "parallelism_config_dp_shard_size": recipe.gpus,
            },
        },
    }


def verl_command(recipe: Recipe, given: dict[str, Any] | None = None) -> str:
    """What starts verl, with `verl_settings` or those that are given."""
    chosen = verl_settings(recipe) if given is None else given
    settings = f" \\{LINE}".join(f"{name}={value}" for name, value in chosen.items())
    return f"python -m verl.trainer.main_ppo \\{LINE}{settings}"


@dataclass(frozen=True)
class Alarm:
    """A number to watch, and when to stop the run."""

    what: str
    trl: str
    """Its name in TRL's log."""
    verl: str
    """Its name in verl's log."""
    when: str
    meaning: str


ALARMS = (
    Alarm(
        "mismatch with a learning rate of 0",
        "sampling/sampling_logp_difference/mean",
        "rollout_corr/k3_kl",
        "TRL above 0.1 nats, verl above 0.01",
        "more than bf16 explains (0.04 and 0.0015 on SmolLM2): another temperature, raw "
        "log-probs, fp8",
    ),
    Alarm(
        "the same, batch after batch",
        "sampling/sampling_logp_difference/mean",
        "rollout_corr/k3_kl",
        "it grows from batch to batch",
        "with a learning rate of 0: the sampler's cache or state is damaged; otherwise: weights "
        "do not arrive",
    ),
    Alarm(
        "one token's mismatch",
        "sampling/sampling_logp_difference/max",
        "training/rollout_probs_diff_max",
        "it jumps by a factor of ten",
        "a damaged shard, another tokenizer or template, a shift by one token",
    ),
    Alarm(
        "mean weight of the correction",
        "sampling/importance_sampling_ratio/mean",
        "rollout_corr/rollout_is_mean",
        "below 0.8, or falling",
        "products over long completions: most of the batch weighs nothing, the long ones least. "
        "Weigh tokens",
    ),
    Alarm(
        "clipped share in the first update",
        "clip_ratio/region_mean",
        "actor/pg_clipfrac",
        "above 0 with one update per batch",
        "the ratio should be 1: dropout is on, or the two passes differ",
    ),
    Alarm(
        "groups without a signal",
        "frac_reward_zero_std",
        "",
        "above 0.5",
        "half of the sampler's work teaches nothing: other prompts, larger groups",
    ),
    Alarm(
        "completions cut off",
        "completions/clipped_ratio",
        "response_length/clip_ratio",
        "above 0.1, or rising",
        "their reward judges the limit, not the answer",
    ),
    Alarm(
        "time of weight sync",
        "profiling/Time taken: GRPOTrainer.sync_weights",
        "timing_s/update_weights",
        "above a tenth of the step",
        "gathered over the slow network, one tensor at a time. TRL writes this to wandb or MLflow "
        "only",
    ),
    Alarm(
        "time of sampling",
        "step_time",
        "timing_s/gen",
        "far above the table's share",
        "waiting for the longest completion, too little room for keys and values, a cold engine",
    ),
)
"""Most bounds are ours and none was tried at this size: begin with them, and move them to what a
healthy run shows."""
