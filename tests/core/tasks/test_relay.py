"""The task `relay`: its verifier by hand, its corpus, and the shipped base model at every
horizon."""

import json

import pytest
import torch

from tests.losses import refused
from trlab.pretraining.learning import batch_of
from trlab.pretraining.teaching import RelayTeacher
from trlab.pretraining.tokenizer import END, word_tokenizer
from trlib.evaluation import evaluate
from trlib.model.loading import EMBEDDED
from trlib.model.policy import load_policy
from trlib.tasks import Prompt, load_task
from trlib.tasks.expert import demonstrations
from trlib.tasks.relay import ANSWER, WORDS, Relay

SHIPPED = EMBEDDED / "relay"
SEVEN = Prompt("7 :", ANSWER, 4)


def verdict(completion, horizon=8, ended=False):
    return load_task("relay", horizon=horizon).verify(SEVEN, completion, ended=ended)


def test_a_completion_is_right_if_every_place_is():
    assert verdict("+3 10 -2 8 sq 4 flip 15").reason == "right"
    assert verdict("half 3 x7 1 pair 0 -1 19").reward == 1
    assert verdict("+3 10 -2 8 sq 5 flip 14").detail == "leg 3: sq leads from 8 to 4, not 5"
    assert verdict("+3 10 -2 8 sq 5 flip 14").reason == "bad arithmetic"
    assert (
        verdict("+3 10 8 -2 sq 5 flip 14").detail == "leg 2: expected a move and a place, got 8 -2"
    )
    assert (
        verdict("+3 10 -2 8").reason == "no end"
        and verdict("+3 10 -2 8").detail == "expected 8 tokens, got 4"
    )
    assert verdict("+3 10 -2 8", ended=True).reason == "bad format"
    assert verdict("+3 10 -2 8 sq 4 flip 15 +1 16").reason == "no end"
    assert verdict("").reward == 0 and verdict("+3", ended=True).reason == "bad format"


def test_what_the_base_model_reads_has_no_end():
    task = Relay(horizon=6)
    tokenizer = word_tokenizer(WORDS, context=64)
    ids = tokenizer.get_vocab()
    tokens, labels, follows = batch_of([(SEVEN, "+3 10 sq 0 -1 19")], ids, RelayTeacher(task))
    assert tokens[0].tolist() == [
        ids[word] for word in ("7", ":", "+3", "10", "sq", "0", "-1", "19")
    ]
    assert labels[0].tolist() == [-100] * 2 + tokens[0, 2:].tolist() and ids[END] not in tokens
    assert follows[0].tolist() == [False] * 3 + [True, False, True, False, True]


def test_there_is_no_expert():
    refused(
        "DemonstrationError: .*task 'relay', prompt '7 :': expected an expert's completion",
        demonstrations,
        Relay(),
        [SEVEN],
        seed=0,
        encode=lambda texts: [],
        end_id=1,
        max_tokens=64,
    )


@pytest.fixture(scope="module")
def card():
    return json.loads((SHIPPED / "card.json").read_text())


def test_our_sampler_agrees_with_the_card_and_every_completion_reaches_the_horizon(card):
    policy, n, known = load_policy("relay"), 256, card["accuracy"]["sampled"]["accuracy"]
    measured = evaluate(policy, load_task("relay"), prompts=n, samples=1, seed=1)
    spread = (known * (1 - known) * (1 / n + 1 / card["accuracy"]["n"])) ** 0.5
    assert abs(measured.sampled.value - known) < 5 * spread
    assert policy.context >= 1024 + 2 and torch.isfinite(torch.tensor(measured.greedy.value))
