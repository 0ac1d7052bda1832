"""The script that a practitioner opens first: it learns, and it computes what trlib's loop
computes."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest
import torch

import trlib
from examples import minimal_grpo
from tests.losses import batch, close, slope, tokens
from trlib.algorithms import ALGORITHMS, Scores

ROOT = Path(__file__).parents[2]
DIAL = Path(trlib.__file__).parent / "embedded" / "dial"


@pytest.mark.nightly("a training of its own")
def test_run_as_a_process_it_learns_without_a_download():
    command = [sys.executable, "examples/minimal_grpo.py", "--steps", "7"]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    rewards = [float(value) for value in re.findall(r"reward ([\d.]+)", done.stdout)]
    assert len(rewards) == 7 and rewards[0] < 0.4, done.stdout
    assert fmean(rewards[-3:]) > rewards[0] + 0.4, "from a quarter to eight tenths and more"


@pytest.mark.parametrize("name", minimal_grpo.LOSSES)
def test_its_losses_are_the_methods(name):
    b = tokens()
    region = {"delta_tv": 0.15} if name == "dppo" else {}
    method = ALGORITHMS[name](advantage="group-std", **region)
    known = {key: b[key] for key in ("rewards", "group", "logp_old", "logp_rollout")}
    held = method.prepare(batch(b["mask"], **known, anchor="recomputed", horizon=9))
    logp = b["logp"].requires_grad_()
    expected = method.loss(method.objective(Scores(logp), held).per_token, held)
    advantages = minimal_grpo.group_relative(b["rewards"], b["group"])
    given = logp, b["logp_old"], advantages, b["mask"], held.horizon
    loss, found = minimal_grpo.objective(name, *given)
    close(loss, expected)
    close(slope(loss, logp), slope(expected, logp))
    if name in ("grpo", "dppo"):
        assert not bool(found.diagnostics["kept"][b["mask"]].all()), "the region acts"


def test_its_log_probs_are_the_policys(policy):
    prompts = [p.text for p in trlib.load_task("dial", moves=(1, 8)).prompts(6, seed=3)]
    c = trlib.sample(policy, prompts, group=2, seed=0)
    ids = torch.cat([c.prompt_ids[c.group], c.tokens], 1)
    attention = torch.cat([c.prompt_mask[c.group], c.mask], 1).long()
    found = minimal_grpo.log_probs(policy.model, ids, attention, c.tokens.shape[1])
    close(found[c.mask], policy.score(c).logp[c.mask], 1e-5)


SMALL = shlex.split("--steps 2 --prompts 2 --group 4 --epochs 2 --max-tokens 5 --lr 0.01")


@pytest.fixture
def qwen(tmp_path, small_model):
    """A random Qwen2 with the embedded vocabulary, as the hub would hold it."""
    folder = tmp_path / "qwen2"
    small_model("qwen2").save_pretrained(folder)
    for file in DIAL.glob("*token*"):
        shutil.copy(file, folder)
    return folder


@pytest.mark.parametrize("lora", [[], ["--lora", "4"]])
def test_the_penalty_is_k3_to_the_model_as_it_was(qwen, monkeypatch, lora):
    """With an adapter it is the model without it. The reward is one that a random model earns."""
    monkeypatch.setattr(minimal_grpo, "reward", lambda text, answer: float(len(text) % 3))
    given = ["--model", str(qwen), *SMALL, "--epochs", "1", *lora]
    rows = [minimal_grpo.train(minimal_grpo.settings([*given, "--kl", kl])) for kl in ("0", "5.0")]
    first, second = ([row[i]["loss"] for row in rows] for i in (0, 1))
    assert first[1] == pytest.approx(first[0], abs=1e-6), "nothing has moved yet"
    assert second[1] - second[0] > 1e-4
