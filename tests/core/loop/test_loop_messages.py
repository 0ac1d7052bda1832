"""What the loop says of a bad argument or method: a row for each, with the words. What needs a folder or
a file of its own stands with what it tests."""

import math
from functools import partial

import pytest
import torch

import trlib
from tests.core.loop.runs import trained
from tests.losses import refused
from trlib.algorithms import (
    GRPO,
    PPO,
    TRAPO,
    TROLL,
    TRPO,
    Method,
    PPOCritic,
)

train = partial(trained, steps=1)
RUINED = r"NonFiniteError: batch 0: update 0: the weights are not finite after a step with lr = 1e\+300, expected a smaller lr"
COARSE = r"TypeError: .*policy: expected weights of float32 or wider.*got torch.bfloat16; load it"
FEW = "{}: expected at most 272, the number of tokens in the .*, got 273"


def coarse(method):
    train(method, policy=trlib.load_policy("dial", dtype="bfloat16"))


SAID = [
    *((f"TypeError: .*{name}: expected", train, {name: "dial"}) for name in ("method", "task", "policy")),
    ("steps: .*a float can hold", train, {"steps": 10**400}),
    *((RUINED, train, {"lr": 1e300, "epochs": epochs}) for epochs in (1, 3)),
    (r"betas\[1\]: .*below 1, got inf", train, {"betas": (0.9, math.inf)}),
    ("minibatches: expected a divisor of prompts = 4", train, {"minibatches": 3}),
    (".*expected at most .* tokens with the completion", train, {"max_tokens": 10_000}),
    (".*group: .*at least 2", train, {"group": 1, "method": GRPO()}),
    ("resume: .*out=None", train, {"resume": True}),
    (r".*Method.objective \(.*method.py:\d+\): .* expected an objective", train, {"method": Method()}),
    ("TypeError: train: .*'warmups'; did you mean 'warmup'", train, {"warmups": 3}),
    ("micro_batch_size, at_once: expected one", train, {"at_once": 3, "micro_batch_size": 3}),
    (r"segments: expected at most lag \+ 1 = 2 .*, got 3", train, {"lag": 1, "segments": 3}),
    *(
        ("batch 0: segments: expected 1 with a method that begins completions", train, {"method": TRAPO(), **wrong})
        for wrong in ({"lag": 1, "segments": 2},)
    ),
    *((COARSE, coarse, {"method": method}) for method in (TRPO(), PPOCritic(critic="trust-region"))),
    (FEW.format("top_k"), train, {"method": TROLL(top_k=273)}),
    ("optimizer: expected one of adamw, auon, frobenius, hybrid_auon, muon, sgd, sign, got 'adamv'; did you mean 'adamw'", train, {"optimizer": "adamv"}),
    ("TypeError: optimizer: expected .*<lambda> to make a torch.optim.Optimizer, got list", train, {"optimizer": lambda groups: []}),
    ("TypeError: .*expected one that steps on a gradient, got LBFGS, which asks for a closure", train, {"optimizer": torch.optim.LBFGS}),
    ("stop_kl: TRPO has an update of its own", TRPO, {"stop_kl": 0.01}),
    ("stop_kl: expected .* above 0, got 0", PPO, {"stop_kl": 0}),
    (r"column: expected one of .*; did you mean 'reward'", lambda column: train().plot(column), {"column": "rewards"}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_the_loop_says_of_a_bad_argument(words, call, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(words, call, **given)
    assert not list(tmp_path.iterdir())
