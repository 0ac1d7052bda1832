"""The workflow for somebody else's trainer, `examples/ci`: what each of its steps lets pass."""

import json
import sys
from types import ModuleType

import pytest
import torch
import yaml

from book.build.paths import ROOT
from tests.typed import typed

FOLDER = ROOT / "examples" / "ci"
STEPS = yaml.safe_load((FOLDER / "losses.yml").read_text("utf-8"))["jobs"]["losses"]["steps"]


def step(command):
    (found,) = [one["run"] for one in STEPS if f"trlib {command}" in one.get("run", "")]
    return found


@pytest.mark.parametrize(
    ("high", "status", "said"), [(1.2, 0, "agrees"), (1.3, 3, "differs")], ids=["right", "wrong"]
)
def test_a_loss_of_somebody_elses_is_held_by_the_workflows_line(
    high, status, said, tmp_path, monkeypatch, capsys
):
    def policy_loss(logp, logp_old, advantages):
        ratio = (logp - logp_old).exp()
        return -torch.min(ratio * advantages, ratio.clamp(0.8, high) * advantages)

    losses = ModuleType("my_trainer.losses")
    losses.policy_loss = policy_loss
    monkeypatch.setitem(sys.modules, "my_trainer", ModuleType("my_trainer"))
    monkeypatch.setitem(sys.modules, "my_trainer.losses", losses)
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "held.py").write_bytes((FOLDER / "held.py").read_bytes())
    monkeypatch.chdir(tmp_path)
    line = step("conformance").partition(" | ")[0].removeprefix("trlib ")
    assert typed(line) == status
    assert json.loads(capsys.readouterr().out)["findings"][0]["status"] == said
