"""The recipes of the book's page, really run: TRL's own trainer, verl's own worker loss."""

import re

import numpy as np
import pytest
import torch

from book.build.paths import ROOT
from trcheck.benchmark.faults import flat
from trcheck.diagnose import diagnose, read
from trcheck.tests.diagnose.dumps import rows

pytestmark = pytest.mark.filterwarnings("ignore")
PAGE = (ROOT / "book" / "check" / "diagnose.md").read_text(encoding="utf-8")


def recipe(heading):
    """The Python blocks under a heading of the page."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    return re.findall(
        r"```python\n(.*?)```", next(s for s in section if s.startswith(heading)), re.DOTALL
    )


def test_from_your_own_loop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    g = torch.Generator().manual_seed(0)
    logp, old, rollout = (-torch.rand(3, 4, generator=g) for _ in range(3))
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
    tensors, pandas = recipe("From your own loop")
    exec(
        tensors,
        {
            "logp": logp,
            "logp_old": old,
            "logp_rollout": rollout,
            "advantages": torch.tensor([1.0, -1, 0]),
            "mask": mask,
        },
    )
    first = read("rollouts.parquet")
    assert first.mask.tolist() == mask.flatten().bool().tolist()
    assert first.advantage.tolist() == [1.0] * 4 + [-1.0] * 4 + [0.0] * 4
    np.testing.assert_array_equal(first.logp_old, old.double().flatten())
    exec(
        pandas,
        {
            "logp": logp.numpy().tolist(),
            "logp_rollout": rollout.numpy().tolist(),
            "advantages": [1.0, -1.0, 0.0],
            "masks": mask.bool().tolist(),
        },
    )
    second = read("rollouts.parquet")
    for name in ("logp", "logp_rollout", "advantage", "mask"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def _ids(found):
    """Each completion's counted ids."""
    return [
        [piece[1:] for piece in found.pieces[found.mask & (found.completion == i)]]
        for i in range(found.count)
    ]


def test_from_trl(tmp_path, monkeypatch, policy):
    pytest.importorskip("trl", reason="TRL is not installed")
    from datasets import Dataset
    from trl import GRPOConfig

    from tests.instruments.bridges.trl_run import QUIET

    monkeypatch.chdir(tmp_path)
    names = {}
    exec(recipe("From TRL")[0], names)
    settings = GRPOConfig(
        output_dir="out",
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=12,
        num_iterations=2,
        max_steps=2,
        learning_rate=1e-3,
        **QUIET,
    )
    trainer = names["Dumping"](
        model=policy.model,
        args=settings,
        processing_class=policy.tokenizer,
        reward_funcs=lambda completion_ids, **_: [float(sum(ids) % 3) for ids in completion_ids],
        train_dataset=Dataset.from_list([{"prompt": "3 : +1 ="}, {"prompt": "5 : +2 ="}]),
    )
    trainer.train()
    found = read("rollouts-0.parquet", tokenizer="dial")
    assert (
        found.count == 8
        and set(found.prompts) == {"3 : +1 =", "5 : +2 ="}
        and len(np.unique(found.group)) == 2
    )
    assert "so" in set(found.pieces[found.mask])
    # The second update on the same rollout: TRL's own clip ratios are 0 in the first and ours in
    # this one.
    findings = diagnose(found)
    clipped = [
        row["clip_ratio/region_mean"]
        for row in trainer.state.log_history
        if "clip_ratio/region_mean" in row
    ]
    assert findings.answer.code == "clips" and findings.answer.share == pytest.approx(
        2 * np.mean(clipped)
    )
    wanted = [
        float(sum(int(piece) for piece in ids) % 3) for ids in _ids(read("rollouts-0.parquet"))
    ]
    assert found.reward.tolist() == wanted
    assert np.array_equal(found.logp_old, found.logp_rollout)
    assert "equal to the last bit" in " ".join(findings.answer.reasons)
    assert (found.sampling.logprobs, found.sampling.temperature) == (
        "processed",
        settings.temperature,
    )


def test_from_verl_a_shuffled_batch_is_called_so(tmp_path, monkeypatch):
    """In verl's own loss, whose clip ratio is the report's."""
    pytest.importorskip("verl", reason="verl is not installed")
    from verl.utils import tensordict_utils
    from verl.workers.config import FSDPActorConfig
    from verl.workers.utils import losses

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(losses, "ppo_loss", losses.ppo_loss)  # put back afterwards
    exec(recipe("From verl")[0], {})
    columns = flat(1, 64, "advantages shuffled")
    columns["logp"] = columns["logp"] - 0.3 * (columns["completion"] % 2)
    table = rows(columns)
    each = {"responses": "tokens", "response_mask": "mask"}
    each |= {"old_log_probs": "logp_old", "rollout_log_probs": "logp_rollout"}
    given = {theirs: [row[ours] for row in table] for theirs, ours in each.items()}
    given["prompts"] = [[1, 2]] * 64
    given["advantages"] = [[row["advantage"]] * len(row["logp"]) for row in table]
    given["token_level_rewards"] = [
        [0.0] * (len(row["logp"]) - 1) + [row["reward"]] for row in table
    ]
    nested = {
        name: torch.nested.as_nested_tensor([torch.tensor(x) for x in values], layout=torch.jagged)
        for name, values in given.items()
    }
    # Prompt and response in a row; position t holds the log-prob of token t + 1.
    scores = torch.tensor([x for row in table for x in (-9.0, *row["logp"], -9.0)])
    loss, metrics = losses.ppo_loss(
        FSDPActorConfig(strategy="fsdp", rollout_n=8, ppo_micro_batch_size_per_gpu=64),
        {"log_probs": scores},
        tensordict_utils.get_tensordict(
            nested | {"uid": [str(row["group"]) for row in table]},
            {"dp_size": 1, "batch_num_tokens": None, "global_batch_size": None},
        ),
    )
    assert torch.isfinite(loss)
    found = read("rollouts-0.parquet")
    for name in ("logp", "logp_old", "logp_rollout", "advantage", "mask"):
        np.testing.assert_allclose(getattr(found, name), columns[name], rtol=1e-6)
    assert found.pieces.tolist() == [f"#{i}" for i in columns["tokens"]]
    judged = diagnose(found)
    assert "advantages" in [cause.name for cause in judged.judgement.causes]
    assert judged.answer.share == pytest.approx(metrics["actor/pg_clipfrac"].aggregate())
    assert judged.answer.share > 0.1
