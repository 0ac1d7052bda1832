"""The test file that a maintainer takes: it passes our own losses, and fails a mutant of each
kind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typed import typed
from trcheck.conformance import drop_in

START, END = "# --- Yours", "# --- From here on"
OURS = """
from trlib import algorithms as a
from trlib.relatives.asynchrony.weights import vespo_loss

def ours(name):
    def loss(logp, b, settings):
        given = {"advantages": b["advantages"], "mask": b["mask"]}
        if name.startswith("dppo"):
            anchor = {"logp_anchor": b["logp_old"]} if name.endswith("recomputed") else {}
            return a.dppo_loss(logp, b["logp_rollout"], **given, **anchor, **settings).per_token
        if name == "vespo":
            return vespo_loss(logp, b["logp_rollout"], **given, **settings).per_token
        if name in ("reinforce", "trsft"):
            more = given if name == "reinforce" else {"mask": b["mask"]}
            return getattr(a, f"{name}_loss")(logp, **more, **settings).per_token
        if name == "dr_grpo":
            return a.ppo_loss(logp, b["logp_old"], **given, **settings).per_token
        return getattr(a, f"{name.split('_')[0] if name != 'pg_is' else name}_loss")(
            logp, b["logp_old"], **given, **settings
        ).per_token
    return loss

LOSSES = {name: (ours(name), None) for name in VECTORS["losses"]}
"""


@pytest.fixture
def run(tmp_path):
    """Write the files with other losses in them, run them as a repository would, and return the
    status and output."""

    def written(losses):
        test, _ = drop_in.write(tmp_path)
        text = test.read_text()
        before, after = text[: text.index(START)], text[text.index(END) :]
        test.write_text(before + losses + after)
        line = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            str(test),
        ]
        done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
        return done.returncode, done.stdout

    return written


@pytest.mark.nightly("a run of pytest over every loss")
def test_our_own_losses_pass_and_every_loss_is_asked(run):
    status, out = run(OURS)
    assert status == 0, out
    losses = len(drop_in.vectors()["losses"])
    assert f"{losses * (len(drop_in.BATCHES) + 1)} passed" in out


def test_the_file_as_it_is_written_passes_and_is_free_to_take(run, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert typed(f"conformance --drop-in {tmp_path / 'file' / 'tests'}") == 1
    assert "--drop-in: cannot make the folder" in capsys.readouterr().err
    assert typed(f"conformance --drop-in {tmp_path / 'tests'}") == 0
    test, numbers = (Path(path).read_text() for path in capsys.readouterr().out.split())
    assert "trlib" not in test.split('"""', 2)[2] and len(test.splitlines()) < 90
    document = json.loads(numbers)
    assert document["version"] == drop_in.VERSION and document["licence"].startswith("CC0-1.0")
    assert typed(f"conformance --drop-in {tmp_path / 'tests'}") == 1
    assert "exists, and your losses may stand in it" in capsys.readouterr().err
