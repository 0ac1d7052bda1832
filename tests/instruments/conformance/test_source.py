"""Libraries that are not installed: a loss file loaded from a folder, by an adapter, beside
stand-ins."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.typed import typed
from trlab.conformance import (
    libraries,
    of_prime_rl,
    of_slime,
    places,
    source,
    vectors,
)
from trlab.conformance.report import RECORD
from trlib.errors import TrlibError

V = vectors.load()
LOSS = "src/prime_rl/trainer/rl/loss.py"
HEAD = """
from dataclasses import dataclass
from typing import Any

import ray
import torch
from jaxtyping import Float, jaxtyped
from vllm.outputs import Output
from prime_rl.configs.trainer import CustomLossConfig

@dataclass
class LossInputs:
    trainer_logprobs: Float[torch.Tensor, " seq"]
    inference_logprobs: Float[torch.Tensor, " seq"]
    ref_logprobs: Float[torch.Tensor, " seq"] | None
    advantages: Float[torch.Tensor, " seq"]
    loss_mask: torch.Tensor

@jaxtyped(typechecker=ray)
@torch.compile(dynamic=True)
def compute_loss(p, q, ref, a, mask, rl, ce, kd, function, scale, *_) -> tuple[Output, dict[str, Any]]:
    assert not ray.is_initialized()
    inputs = (LossInputs(*each) for each in zip(p, q, [None] * len(p), a, mask))
    return sum(function(each) for each in inputs) / scale, {}

def default_loss_fn(inputs, loss_config):
    r = torch.exp(inputs.trainer_logprobs - inputs.inference_logprobs)
    d = torch.exp(inputs.trainer_logprobs) - torch.exp(inputs.inference_logprobs)
    bad = torch.where(inputs.advantages > 0, d > loss_config.dppo_mask_high, -d > loss_config.dppo_mask_low)
    BODY
    kl = torch.log(r) ** 2
    return ((-r * inputs.advantages * ~bad + loss_config.kl_tau * kl) * inputs.loss_mask).sum()

ipo_loss_fn = default_loss_fn
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A function that writes a small library like prime-rl, with one more line in its loss."""

    def write(body: str = "pass", text: str = HEAD) -> Path:
        path = tmp_path / LOSS
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("BODY", body))
        return tmp_path

    monkeypatch.setattr(of_prime_rl, "LOSSES", of_prime_rl.LOSSES[:1])
    return write


def test_a_clone_is_held_beside_stand_ins_and_leaves_nothing_behind(fake, capsys):
    before, compiled = {name for name in sys.modules if "prime_rl" in name}, torch.compile
    assert typed(f"conformance --library prime-rl --source {fake()}") == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("default, kl_tau=0 as dppo_tv  same gradient, other value  ")
    assert "written for prime-rl at 559b44772e47, found a folder without its commit" in captured.err
    assert {
        name for name in sys.modules if "prime_rl" in name
    } == before and torch.compile is compiled


def test_the_commit_of_a_clone_and_its_changes_are_named(fake):
    folder = fake()
    git = partial(subprocess.run, check=True, capture_output=True, cwd=folder)
    git(["git", "init", "-q"])
    git(["git", "add", "-A"])
    git(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"])
    commit = source.commit_of(folder, of_prime_rl.SOURCE)
    assert commit is not None and len(commit) == 40
    fake("bad = bad & True")
    assert source.commit_of(folder, of_prime_rl.SOURCE) == f"{commit} and changes"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (
            "bad = bad | (d.abs() > 0.15)",
            3,
            "silences every token past the threshold, also one on its way back",
        ),
        ("raise RuntimeError('out of range')", 3, "raises RuntimeError (out of range)"),
        ("inputs.inference_logprobs.add_(1.0)", 3, "writes into its inputs (logp_rollout)"),
    ],
)
def test_what_a_loss_does_wrong_is_a_line(fake, capsys, body, status, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert typed(f"conformance --library prime-rl --source {fake(body)}") == status
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def nothing(: pass", "loading it fails: SyntaxError"),
        ("import torch\ntorch.no_such_thing", "loading it fails: AttributeError"),
        ("LossInputs = None", "raises AttributeError"),
    ],
)
def test_a_loss_file_of_another_version_is_named(fake, capsys, text, words):
    assert typed(f"conformance --library prime-rl --source {fake(text=text)}") in (
        1,
        3,
    )
    captured = capsys.readouterr()
    assert words in captured.out + captured.err and "Traceback" not in captured.err


def test_an_adapter_that_raises_is_named(fake, monkeypatch):
    def boom(*_):
        raise KeyError("moved")

    monkeypatch.setattr(of_prime_rl, "beside", boom)
    expected = r"the adapter, written for commit 559b44772e47, fails on .*KeyError"
    with (
        pytest.raises(TrlibError, match=expected),
        libraries.opened("prime-rl", fake()) as modules,
    ):
        list(libraries.hold(V, "prime-rl", modules))


def test_a_folder_that_is_no_clone_is_named(tmp_path):
    expected = (
        "no src/prime_rl/trainer/rl/loss.py in it; expected a clone of prime-rl: git clone "
        "https://github.com/"
    )
    with pytest.raises(TrlibError, match=expected), source.loaded(of_prime_rl.SOURCE, tmp_path):
        pass


def test_tinkers_documented_losses_are_held_without_a_source(capsys):
    assert typed("conformance --library tinker --json") == 3
    out = capsys.readouterr().out
    assert out.count('"status": "agrees"') == 4 and "adds 0.1 times k2" in out


def test_every_place_of_the_record_stands_and_has_lines_that_compile():
    recorded = [r for entry in json.loads(RECORD.read_text())["libraries"] for r in entry["places"]]
    assert [(r["library"], r["subject"]) for r in recorded] == sorted(
        ((p.library, p.subject) for p in places.PLACES),
        key=lambda key: libraries.LIBRARIES.index(key[0]),
    )
    assert all(places.counts(r) for r in recorded)
    for place in places.PLACES:
        compile(place.code, place.subject, "exec")
        assert place.code.count("\n") <= 6


def test_a_place_that_was_mended_no_longer_counts():
    place = replace(places.PLACES[0], lines="print(1.0, 1.0)")
    assert not places.counts(places.as_dict(place))
    assert not places.counts(places.as_dict(replace(place, lines="import nothing_here")))


def test_no_adapter_holds_a_line_of_a_library():
    assert of_slime.SOURCE.clone == "git clone https://github.com/THUDM/slime"
    for library in libraries.SOURCES:
        held = libraries.adapter(library).SOURCE
        assert len(held.commit) == 40 and all(path.endswith(".py") for path in held.files.values())
