"""The recipes in `examples/trl` and `examples/verl`, run as far as a CPU goes: TRL trains a tiny model
with each of its scripts, and goes on from its checkpoint; verl builds its configuration from what
each script types, reads the rows, calls the reward and computes the loss. What needs a GPU is held
to the libraries' own names, and to chapter 12's batches."""

import os
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from book.build.paths import ROOT
from tests.by_day import by_day
from trbook.scale.recipes import RECIPES
from trlib import algorithms
from trlib.aggregation import aggregate
from trlib.algorithms import dppo_loss

pytestmark = pytest.mark.filterwarnings("ignore")
TRL, VERL = (ROOT / "examples" / name for name in ("trl", "verl"))
LETTERS = [chr(i) for i in range(32, 127)]
TEMPLATE = "{% for turn in messages %}{{ turn['content'] }}~{% endfor %}"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model of random weights whose tokenizer knows single letters and a chat's turns."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    ids = {"<end>": 0, "<unknown>": 1} | {letter: i + 2 for i, letter in enumerate(LETTERS)}
    letters = Tokenizer(models.WordLevel(ids, "<unknown>"))
    letters.pre_tokenizer = pre_tokenizers.Split(Regex(r"."), "isolated")
    letters.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters, eos_token="<end>", pad_token="<end>", chat_template=TEMPLATE
    )
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(ids), num_attention_heads=2, **shape, eos_token_id=0)
    )
    folder = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# -- TRL
# --------------------------------------------------------------------------------------------------

METHODS = {name: getattr(algorithms, name.upper()) for name in ("dppo", "troll", "quatro")}
METHODS["token_loss"] = algorithms.PPO
METHODS["push"] = partial(algorithms.DPPO, advantage="reward")
AGGREGATION = {
    "token-mean": "dapo",
    "seq-mean-token-sum-norm": "dr_grpo",
    "seq-mean-token-sum": "luspo",
}
"""What TRL's `loss_type` calls ours."""


@pytest.fixture
def trl(monkeypatch, tiny, tmp_path):
    """Runs a script of the folder with what is typed behind it: its trainer."""
    pytest.importorskip("trl", reason="TRL is not installed")
    monkeypatch.syspath_prepend(TRL)
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "run"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import mine
    import run

    asked = mine.prompts
    monkeypatch.setattr(run, "prompts", lambda split: asked(split).select(range(16)))
    monkeypatch.setattr(run, "reward", lambda completions, **_: [float(i % 2) for i in range(16)])
    trained = []
    train = run.train
    monkeypatch.setattr(run, "train", lambda *a, **more: trained.append(train(*a, **more)))

    def typed(script, *arguments):
        words = ["--config", TRL / "cpu.yaml", "--model_name_or_path", tiny, "--use_peft", "false"]
        words += ["--disable_tqdm", "true", "--longest_prompt", "512", *arguments]
        monkeypatch.setattr(sys, "argv", [script, *map(str, words)])
        runpy.run_path(str(TRL / script), run_name="__main__")
        return trained[-1]

    yield typed
    for name in ("mine", "run"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", by_day([*METHODS], "push", "quatro", reason="seconds of TRL each"))
def test_a_script_for_trl_trains_saves_validates_and_goes_on(trl, name, tmp_path):
    few = ("--save_steps", 2, "--eval_steps", 2)
    trainer = trl(f"{name}.py", "--max_steps", 2, *few)
    method, args = METHODS[name](), trainer.args
    assert trainer.advantage == {"push": "reward"}.get(name)
    assert args.loss_type == AGGREGATION[method.aggregation]
    own = (method.advantage, args.scale_rewards) == ("group-mean", "none")
    assert own is (name not in ("quatro", "push"))
    assert args.vllm_importance_sampling_correction is (trainer.anchor == "recomputed")
    folder = Path(args.output_dir)
    assert (folder / "last" / "model.safetensors").exists()
    rows = trainer.state.log_history
    assert sum("eval_reward" in row for row in rows) == 2
    steps = [row for row in rows if "grad_norm" in row]
    assert len(steps) == 2 and all(float(row["grad_norm"]) > 0 for row in steps)
    again = trl(f"{name}.py", "--max_steps", 3, *few)
    assert again.state.global_step == 3
    assert len([row for row in again.state.log_history if "grad_norm" in row]) == 3


def test_a_prompt_that_is_too_long_is_left_out_and_an_answer_is_judged(trl, tiny, capsys):
    import mine
    import run
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    rows = mine.prompts("test")
    longer = [{"role": "user", "content": "x" * 400}]
    rows = rows.add_item({"prompt": longer, "answer": "0"})
    kept = run.short(rows, tokenizer, 300)
    assert len(kept) == 64 and longer not in kept["prompt"]
    assert capsys.readouterr().out == "1 of 65 prompts have more than 300 tokens\n"
    assert not {*map(str, kept["prompt"])} & {*map(str, mine.prompts("train")["prompt"])}

    def turn(text):
        return [{"role": "assistant", "content": text}]

    texts = [turn(text) for text in ("12", "It is 12.", "21", "none")]
    judged = mine.reward(None, texts, None, answer=["12"] * 4, trainer_state=None)
    assert judged == pytest.approx([1.0, 0.9, 0.1, 0.0])


# -- verl
# --------------------------------------------------------------------------------------------------

SCRIPTS = ("one_gpu.sh", "dppo.sh", "eight_gpus.sh", "asynchronous.sh")


def typed(script, tmp_path, *more):
    """What the script starts Python with, and in which environment: a `python` of ours stands first
    in PATH."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nenv > env.txt\nprintf "%s\\n" "$@" > typed.txt\n', "utf-8")
    python.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for source in VERL.glob("*.sh"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    subprocess.run(
        ["bash", script, *more], cwd=tmp_path, env={**os.environ, "PATH": path}, check=True
    )
    words = (tmp_path / "typed.txt").read_text(encoding="utf-8").splitlines()
    env = (tmp_path / "env.txt").read_text(encoding="utf-8").splitlines()
    assert words[:2] == ["-m", "verl.trainer.main_ppo"]
    return words[2:], dict(line.partition("=")[::2] for line in env)


def composed(words):
    """verl's own configuration of these words."""
    verl = pytest.importorskip("verl", reason="verl is not installed")
    from hydra import compose, initialize_config_dir

    folder = Path(verl.__file__).parent / "trainer" / "config"
    with initialize_config_dir(config_dir=str(folder), version_base=None):
        return compose("ppo_trainer", overrides=words)


@pytest.mark.parametrize("script", SCRIPTS)
def test_verl_builds_what_a_script_types(script, tmp_path):
    words, env = typed(script, tmp_path, "trainer.save_freq=7")
    config = composed(words)
    from omegaconf import OmegaConf
    from verl.utils.config import omega_conf_to_dataclass

    for word in dict(word.split("=", 1) for word in words):
        assert OmegaConf.select(config, word, default="absent") != "absent", word
    assert config.trainer.save_freq == 7, "what is typed behind a script wins"
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    assert (script == "dppo.sh") == (env.get("VERL_USE_EXTERNAL_MODULES") == "losses")
    recipe = RECIPES[8 if script in ("eight_gpus.sh", "asynchronous.sh") else 1]
    setup, data, rollout = recipe.setup, config.data, config.actor_rollout_ref.rollout
    batch = data.train_batch_size, data.max_prompt_length, data.max_response_length, rollout.n
    assert batch == (setup.prompts, setup.prompt, setup.completion, setup.group)
    cards = config.trainer.nnodes * config.trainer.n_gpus_per_node
    assert recipe.gpus == cards * (2 if script == "asynchronous.sh" else 1)
    if script == "dppo.sh":
        assert config.algorithm.rollout_correction.bypass_mode
        assert actor.policy_loss.loss_mode == "trlib_dppo_tv" and actor.calculate_entropy
        assert actor.loss_scale_factor == data.max_response_length


@pytest.fixture
def verl(monkeypatch):
    """The folder's modules."""
    pytest.importorskip("verl", reason="verl is not installed")
    monkeypatch.syspath_prepend(VERL)
    names = ("mine", "data", "losses")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in names:
        sys.modules.pop(name, None)


def test_verl_reads_the_rows_leaves_out_long_ones_and_calls_the_reward(
    verl, tiny, tmp_path, monkeypatch
):
    import data
    import pandas as pd
    from transformers import AutoTokenizer
    from verl.trainer.ppo.reward import get_custom_reward_fn
    from verl.utils.dataset.rl_dataset import RLHFDataset

    words, _ = typed("one_gpu.sh", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = data.rows("test")
    long = rows[0] | {"prompt": [{"role": "user", "content": "x" * 400}]}
    pd.DataFrame([*rows, long]).to_parquet("test.parquet")
    (tmp_path / "mine.py").write_bytes((VERL / "mine.py").read_bytes())
    config = composed([*words, "data.filter_overlong_prompts_workers=1"])
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    read = RLHFDataset(config.data.val_files, tokenizer, config.data)
    assert len(read) == 64
    row, score = read[3], get_custom_reward_fn(config)
    assert list(row["raw_prompt"]) == rows[3]["prompt"]
    answer = rows[3]["reward_model"]["ground_truth"]
    for text, reward in ((f"It is {answer}.", 1.0), ("0", 0.0), ("none", 0.0)):
        judged = score(
            data_source=row["data_source"],
            solution_str=text,
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=row["extra_info"],
        )
        assert judged == reward


def test_verls_worker_computes_dppo_from_the_script_s_settings(verl, tmp_path):
    import losses  # noqa: F401  what VERL_USE_EXTERNAL_MODULES names
    from verl.utils import tensordict_utils
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.utils.losses import ppo_loss

    words, _ = typed("dppo.sh", tmp_path)
    actor = omega_conf_to_dataclass(composed(words).actor_rollout_ref.actor)
    lengths, g = (5, 2, 4, 3), torch.Generator().manual_seed(0)
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    old = -3 * torch.rand(4, 5, generator=g)
    logp = (old + torch.randn(4, 5, generator=g)).clamp(max=-1e-3).requires_grad_()
    advantages = torch.randn(4, 1, generator=g).expand(4, 5)

    def nested(values):
        rows = [row[:n] for row, n in zip(values, lengths, strict=True)]
        return torch.nested.as_nested_tensor(rows, layout=torch.jagged)

    # Position t of a row of prompt and completion holds the log-prob of token t + 1.
    scores = torch.nn.functional.pad(logp, (1, 1))
    packed = torch.cat([row[: 2 + n] for row, n in zip(scores, lengths, strict=True)])
    columns = {
        "prompts": torch.nested.as_nested_tensor([torch.ones(2)] * 4, layout=torch.jagged),
        "responses": nested(torch.ones(4, 5)),
        "response_mask": nested(mask),
        "old_log_probs": nested(old),
        "advantages": nested(advantages),
    }
    more = {"dp_size": 1, "batch_num_tokens": None, "global_batch_size": None}
    theirs, metrics = ppo_loss(
        actor, {"log_probs": packed}, tensordict_utils.get_tensordict(columns, more)
    )
    ours = dppo_loss(logp, old, advantages=advantages, mask=mask, delta_tv=0.15)
    kept = ours.diagnostics["kept"][mask].float().mean().item()
    assert 0 < kept < 1 and metrics["actor/pg_clipfrac"].values == [pytest.approx(1 - kept)]
    whole = aggregate(ours.per_token, mask, "seq-mean-token-sum-norm", horizon=1024)
    torch.testing.assert_close(theirs, whole)
