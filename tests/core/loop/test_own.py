"""Methods and optimisers in a reader's own files (`tests/core/own`): trained on `dial`, killed, resumed
bit for bit."""

import os
import signal
from pathlib import Path

import pytest
import torch

import trlib
from tests.core.loop.runs import same, trained
from tests.typed import typed
from trlib.algorithms import GRPO
from trlib.methods import method_kind

OWN = Path(__file__).parents[1] / "own"
SETTINGS = {"prompts": 8, "checkpoint_every": 1, "lr": 1e-3}
CASES = {
    "mdpo.py:MDPO": {"epochs": 3},
    "rebel.py:REBEL": {"epochs": 2},
    "tr_dpo.py:TRDPO": {"epochs": 2},
    "fixpo.py:FixPO": {"minibatches": 8},
    "muon.py:Muon": {"minibatches": 2},
}
"""Each with the part of the regime that it is about."""


def run(name, out, **more):
    """A run of a method's file; of an optimiser's, beside GRPO."""
    file = f"{OWN / name}"
    method = GRPO() if name.startswith("muon") else method_kind(file)()
    optimizer = file if name.startswith("muon") else "adamw"
    return trained(method, optimizer=optimizer, out=out, **{**SETTINGS, **CASES[name], **more})


@pytest.mark.nightly("trains, is killed and resumes; the registered methods do by day")
@pytest.mark.parametrize("name", CASES)
def test_a_readers_file_trains_is_killed_and_resumes_bit_for_bit(name, tmp_path):
    whole = run(name, None)
    assert not torch.equal(whole.policy.parameters[0], trlib.load_policy("dial").parameters[0])
    child = os.fork()
    if child == 0:
        try:
            saves = []
            trlib.loop.checkpoints.save, save = (
                lambda *given: (
                    save(*given),
                    saves.append(1),
                    len(saves) == 2 and os.kill(os.getpid(), signal.SIGKILL),
                ),
                trlib.loop.checkpoints.save,
            )
            run(name, tmp_path / "run")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    again = run(name, tmp_path / "run", resume=True)
    assert again.interrupted is False and same(whole, again)


def test_numbers_in_the_memory_are_columns_and_what_a_method_does_not_show_is_absent():
    fixed = run("fixpo.py:FixPO", None).history
    assert {"beta", "fixups", "kl_max"} <= set(fixed) and fixed.fixups.max() > 0
    # After the fix-ups no token of the batch is outside the region, or all of them were spent.
    assert ((fixed.kl_max <= 0.05) | (fixed.fixups == 19)).all()
    assert run("mdpo.py:MDPO", None).history.t.tolist() == [2.0, 1.5, 1.0, 0.5]
    rebel = run("rebel.py:REBEL", None).history
    assert not {"kept", "kept_pos", "ratio_max", "ratio_p01"} & set(rebel) and {
        "loss",
        "kl",
        "tv_max",
    } <= set(rebel)


def test_a_reference_moves_when_the_method_says_so(monkeypatch):
    seen = []
    kind = method_kind(f"{OWN / 'tr_dpo.py'}:TRDPO")
    update = kind.update

    def watched(self, step):
        update(self, step)
        seen.append(
            {
                name: (p.clone(), step.weights[name].detach().clone())
                for name, p in step.reference.items()
            }
        )

    monkeypatch.setattr(kind, "update", watched)
    start = dict(trlib.load_policy("dial").trainable)
    trained(kind(share=0.6), **SETTINGS, steps=2)
    for name, (reference, _) in seen[0].items():
        assert torch.equal(reference, start[name])
    for name, (reference, policy) in seen[1].items():
        torch.testing.assert_close(reference, 0.4 * start[name] + 0.6 * policy)


def test_a_runs_folder_names_the_file_of_its_task(tmp_path, monkeypatch, capsys):
    (tmp_path / "task.py").write_text(
        "from trlib.tasks import Dial\n\n\nclass Own(Dial):\n    name = 'own'\n"
    )
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path)
    small = "--prompts 2 --group 4 --max-tokens 6 --policy dial --quiet"
    learn = f"train --task task.py:Own --knob moves=3 {small}"
    assert typed(f"{learn} --steps 1 --out run") == 0
    monkeypatch.chdir("else")
    capsys.readouterr()
    assert typed("evaluate --policy ../run --prompts 2 --samples 2 --json") == 0
    assert capsys.readouterr().out.startswith("{")
    # The file may lie elsewhere when the run goes on.
    (tmp_path / "task.py").rename("task.py")
    assert typed(f"{learn} --steps 2 --out ../run --resume") == 0
