"""The script that a practitioner opens first: it learns, and it computes what trlib's loop
computes."""

import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest
import torch
from peft import AutoPeftModelForCausalLM

import trlib
from examples import minimal_grpo
from tests.losses import batch, close, slope, tokens
from trlib.algorithms import ALGORITHMS, Scores
from trlib.tasks import Prompt

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


def test_its_prompts_and_answers_are_those_of_the_task():
    rng, task = random.Random(5), trlib.load_task("dial")
    for _ in range(300):
        text, answer = minimal_grpo.dial(rng)
        verdict = task.verify(
            Prompt(text, str(answer), 5), f"easy so {answer}", ended=True
        )  # it computes the answer
        assert verdict.reward == 1 == minimal_grpo.reward(f"easy so {answer}", answer)
    assert minimal_grpo.reward(f"slowly {answer} so {answer + 1}", answer) == 0
    assert minimal_grpo.reward("no number", 3) == 0


SMALL = shlex.split("--steps 2 --prompts 2 --group 4 --epochs 2 --max-tokens 5 --lr 0.01")


@pytest.fixture
def qwen(tmp_path, small_model):
    """A random Qwen2 with the embedded vocabulary, as the hub would hold it."""
    folder = tmp_path / "qwen2"
    small_model("qwen2").save_pretrained(folder)
    for file in DIAL.glob("*token*"):
        shutil.copy(file, folder)
    return folder


def trained(folder, *options):
    """A run's rows without its seconds, and the last batch's gradients."""
    gradients, step = {}, torch.optim.AdamW.step

    def kept(self, *args, **kwargs):
        parameters = enumerate(self.param_groups[0]["params"])
        gradients.update((i, p.grad.clone()) for i, p in parameters)
        return step(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", kept)
        rows = minimal_grpo.train(minimal_grpo.settings(["--model", str(folder), *SMALL, *options]))
    return [{k: value for k, value in row.items() if k != "seconds"} for row in rows], gradients


@pytest.fixture
def rewarded(monkeypatch):
    """A reward that a random model earns, so that there is something to learn."""
    monkeypatch.setattr(minimal_grpo, "reward", lambda text, answer: float(len(text) % 3))


@pytest.mark.parametrize("method", ["grpo", "dppo", "pg_is"])
def test_micro_batches_of_a_random_qwen_add_up_to_its_batch(qwen, rewarded, method):
    whole, parts = (trained(qwen, "--method", method, *more) for more in ([], ["--micro", "3"]))
    for row, other in zip(whole[0], parts[0], strict=True):
        assert row == pytest.approx(other, rel=1e-4, abs=1e-6) and row["grad_norm"] > 0
    for key, gradient in whole[1].items():
        torch.testing.assert_close(parts[1][key], gradient, rtol=1e-3, atol=1e-5)


def test_only_an_adapter_learns_in_bf16_and_peft_reads_what_was_saved(
    qwen, rewarded, tmp_path, monkeypatch
):
    seen, log_probs = set(), minimal_grpo.log_probs

    def watched(model, *args):
        weight = next(model.parameters())
        with torch.no_grad():
            hidden = torch.nn.functional.linear(torch.ones(1, weight.shape[-1]), weight)
        seen.update((weight.dtype, hidden.dtype))
        return log_probs(model, *args)

    monkeypatch.setattr(minimal_grpo, "log_probs", watched)
    out = tmp_path / "learned"
    rows, gradients = trained(qwen, "--lora", "4", "--bf16", "--steps", "1", "--out", str(out))
    assert rows[0]["grad_norm"] > 0 and seen == {torch.float32, torch.bfloat16}
    # two matrices for each of seven projections in two layers
    assert [g.dtype for g in gradients.values()] == [torch.float32] * 2 * 7 * 2
    assert (out / "tokenizer.json").is_file()
    again = AutoPeftModelForCausalLM.from_pretrained(out)
    moved = [p for name, p in again.named_parameters() if "lora_B" in name]
    assert moved and all(p.abs().max() <= 2 * 0.01 * 1.01 for p in moved)  # two steps of AdamW


@pytest.mark.parametrize("lora", [[], ["--lora", "4"]])
def test_the_penalty_is_k3_to_the_model_as_it_was(qwen, rewarded, lora):
    """With an adapter it is the model without it."""
    rows = [trained(qwen, "--kl", kl, "--epochs", "1", *lora)[0] for kl in ("0", "5.0")]
    first, second = ([row[i]["loss"] for row in rows] for i in (0, 1))
    assert first[1] == pytest.approx(first[0], abs=1e-6), "nothing has moved yet"
    assert second[1] - second[0] > 1e-4


def test_held_out_prompts_are_never_learned_from(qwen, monkeypatch):
    asked = []
    sample = minimal_grpo.sample

    def watched(model, tokenizer, problems, group):
        asked.append([prompt for prompt, _ in problems])
        return sample(model, tokenizer, problems, group)

    monkeypatch.setattr(minimal_grpo, "sample", watched)
    rows, _ = trained(qwen, "--held-out", "16", "--evaluate", "2")
    assert ["held_out" in row for row in rows] == [False, True] and 0 <= rows[1]["held_out"] <= 1
    learned, held = {p for batch in asked[:2] for p in batch}, set(asked[2])
    assert len(held) == 16 and not learned & held
