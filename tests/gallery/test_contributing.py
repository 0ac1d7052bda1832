"""The recipe *Add a method* of CONTRIBUTING.md, followed step by step in a copy of the repository:
it ends green."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from book.build.paths import ROOT

NAME = "taper"
LOSS = '''"""A weight that tapers off: a token counts less the further its ratio has gone."""

from dataclasses import dataclass

from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Batch, Method, Scores, TokenLoss, proportional, weigh


def taper_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, width: float = 0.2
) -> TokenLoss:
    """The policy gradient with a weight that falls off on both sides of ratio 1.

    L = -sg[w] log π(y_t),   w = A exp(-(log r / width)² / 2)

    Args:
        logp, logp_old: [B, T] log π(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        width: of the taper, in nats, above 0.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a width
    that is not above 0.
    Source: derived here."""
    width = checks.number("width", width, above=0)
    logp, logp_old, advantages = checks.tokens(
        mask, logp=logp, logp_old=logp_old, advantages=advantages
    )
    log_ratio = (logp - logp_old).detach()
    weight = (-((log_ratio / width) ** 2) / 2).exp() * advantages.detach()
    return TokenLoss(-weight * logp, weigh(log_ratio, mask, weight, mask))
'''
CLASS = '''

@dataclass(frozen=True, kw_only=True)
class Taper(Method):
    """A weight that falls off on both sides of ratio 1: no edge, and no token is cut off."""

    width: float = checks.setting(0.2, above=0)
    """Width of the taper, in nats of the token's log-ratio."""

    @proportional
    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        return taper_loss(scores.logp, batch.logp_anchor, **batch.credit, width=self.width)
'''
TESTS = '''"""The taper by hand."""

import math

import pytest
import torch

from trlib.algorithms import ALGORITHMS, Taper, taper_loss


def test_by_hand():
    """One token at ratio 1, one a width away, one masked, which may hold anything."""
    logp, mask = torch.full((1, 3), -1.0), torch.tensor([[True, True, False]])
    old = logp - torch.tensor([[0.0, 0.2, math.nan]])
    found = taper_loss(logp, old, advantages=torch.full((1, 3), 2.0), mask=mask)
    assert found.per_token[0].tolist() == pytest.approx([2.0, 2.0 * math.exp(-0.5), 0.0])


def test_a_wide_taper_is_the_plain_policy_gradient():
    logp = torch.full((1, 2), -1.0)
    rows = {"advantages": torch.ones(1, 2), "mask": torch.ones(1, 2).bool()}
    found = taper_loss(logp, logp - 0.5, **rows, width=1e6)
    assert found.diagnostics["weight"][0].tolist() == pytest.approx([1.0, 1.0])


def test_the_class():
    assert ALGORITHMS["taper"] is Taper and Taper().width == 0.2
    with pytest.raises(ValueError, match="width: expected a number above 0, got 0"):
        Taper(width=0)
'''
VECTORS = "tests/test_vectors.py"
HAS_ROW = f"{VECTORS}::test_every_methods_loss_has_a_row"
PROOF = ("tests/laws.py", VECTORS, "tests/edges")
DAILY = (*PROOF, "tests/core/cli/test_main.py")


@pytest.fixture
def copy(tmp_path):
    """The tracked files, as a repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    for command in (["init", "-q"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def run(copy, *command):
    where = os.pathsep.join(str(copy / part) for part in ("", "book"))
    env = {**os.environ, "PYTHONPATH": where, "PYTHONDONTWRITEBYTECODE": "1"}
    line = [sys.executable, "-m", *command]
    return subprocess.run(line, cwd=copy, capture_output=True, text=True, check=False, env=env)


def insert(file, before, line):
    """Add a line to a file, before the first that begins with `before`."""
    text = file.read_text(encoding="utf-8")
    assert f"\n{before}" in text
    file.write_text(text.replace(f"\n{before}", f"\n{line}\n{before}", 1), encoding="utf-8")


def outcome(copy, *what):
    return run(copy, "pytest", "-v", "-p", "no:cacheprovider", "-m", "not nightly", *what)


def follow(copy):
    """The steps of the recipe, in its order."""
    method = copy / f"trlib/algorithms/{NAME}.py"
    method.write_text(LOSS + CLASS, encoding="utf-8")
    names = copy / "trlib/algorithms/__init__.py"
    insert(
        names,
        "from trlib.algorithms.trapo import",
        f"from trlib.algorithms.{NAME} import Taper, {NAME}_loss",
    )
    insert(names, '    "sft": SFT,', f'    "{NAME}": Taper,')
    assert outcome(copy, HAS_ROW).returncode == 1, "nothing notices that the row is missing"
    vectors, row = (
        copy / "tests/vectors.json",
        {"loss": f"{NAME}_loss", "settings": {}, "batch": "far"},
    )
    given = json.loads(vectors.read_text(encoding="utf-8"))
    given["rows"].append(row)
    vectors.write_text(json.dumps(given), encoding="utf-8")
    said = re.search(r"Error: now they are (\{.*\})", outcome(copy, VECTORS, "-k", NAME).stdout)
    row |= json.loads(said[1])
    vectors.write_text(json.dumps(given), encoding="utf-8")
    (copy / f"tests/edges/test_{NAME}.py").write_text(TESTS, encoding="utf-8")
    insert(
        copy / "book/interface/losses.md",
        "- [TRAPO]",
        f"- [Taper](../../trlib/algorithms/{NAME}.py)",
    )
    subprocess.run(["git", "add", "--all"], cwd=copy, check=True)


def test_a_method_added_by_the_recipe_is_green(copy):
    follow(copy)
    done = outcome(copy, *DAILY, "-k", f"{NAME} or every_method or list_everything or declare")
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"laws.py::test_autograd_is_minus_the_weight[{NAME}_loss] PASSED" in done.stdout
    written = (
        "trlib/algorithms/__init__.py",
        f"trlib/algorithms/{NAME}.py",
        f"tests/edges/test_{NAME}.py",
    )
    for check in (("check",), ("format", "--check")):
        done = run(copy, "ruff", *check, *written)
        assert done.returncode == 0, done.stdout
    done = run(
        copy, "trlib", "train", "--method", NAME, "--set", "width=.3", "--steps", "1", "--quiet"
    )
    assert done.returncode == 0 and "Run(Taper on dial" in done.stdout, done.stderr
