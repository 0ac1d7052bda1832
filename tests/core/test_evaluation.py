import math
from fractions import Fraction
from math import comb
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.losses import named, refused, trained, written
from trlib import evaluation
from trlib.algorithms import REINFORCE
from trlib.evaluation import bootstrap, evaluate, pass_at_k
from trlib.tasks import Dial, Prompt, Verdict


@given(st.integers(1, 3000), st.data())
@settings(max_examples=60, deadline=None)
def test_pass_at_k_equals_the_binomials_in_exact_arithmetic(samples, data):
    k, right = data.draw(st.integers(1, samples)), data.draw(st.integers(0, samples))
    expected = float(1 - Fraction(comb(samples - right, k), comb(samples, k)))
    assert pass_at_k([right], samples, k)[0] == pytest.approx(expected, rel=1e-11, abs=1e-300)


def test_bootstrap_agrees_with_scipy_and_columns_do_not_touch_each_other():
    rng = np.random.default_rng(1)
    values = np.stack([rng.normal(3, 2, 80), rng.exponential(1, 80)], 1)
    both = bootstrap(values, seed=7)
    for column, estimate in enumerate(both):
        peer = stats.bootstrap(
            (values[:, column],),
            np.mean,
            method="percentile",
            n_resamples=10_000,
            rng=np.random.default_rng(3),
        ).confidence_interval
        width = peer.high - peer.low
        assert estimate.low == pytest.approx(peer.low, abs=0.03 * width)
        assert estimate.high == pytest.approx(peer.high, abs=0.03 * width)
    (alone,) = bootstrap(values[:, :1], seed=7)
    assert alone.low == pytest.approx(both[0].low, rel=1e-12)
    assert bootstrap(values, seed=8)[0] != both[0] and bootstrap(values, seed=7) == both


WORDS = ["<pad>", "<end>", "7", "8", "six", "seven"]


class Echo:
    """A task that asks for a number; right is its digits or its word."""

    name = "echo"
    max_tokens = 2
    settings: ClassVar = {"name": "echo"}
    right: ClassVar = {"a": ("7", "seven"), "b": ("8",), "c": ("six",)}

    def prompts(self, n, *, seed):
        self.asked = seed
        return [Prompt(text, self.right[text][0], i) for i, text in enumerate("abc"[:n])]

    def verify(self, prompt, completion, *, ended):
        if not ended:
            return Verdict(0.0, "no end")
        return (
            Verdict(1.0, "right")
            if completion in self.right[prompt.text]
            else Verdict(0.0, "wrong answer")
        )


class Decoder:
    def batch_decode(self, rows, skip_special_tokens):
        return [" ".join(WORDS[i] for i in row if i > 1) for row in rows]


class Named:
    name = "scripted"


SCRIPT = {  # prompt: its greedy completion, its four samples; "!" is one that never ends
    "a": ("7", ["7", "seven", "7", "8"]),  # 3 right, 2 different
    "b": ("7", ["8", "7!", "7", "seven"]),  # 1 right
    "c": ("8", ["7", "7", "8!", "8!"]),
}  # none right


def scripted(policy, prompts, *, group, temperature, max_tokens, seed, ends_at=None):
    texts = [
        SCRIPT[p][0] if temperature == 0 else SCRIPT[p][1][i] for p in prompts for i in range(group)
    ]
    tokens = torch.tensor([[WORDS.index(t.strip("!")), 2 if "!" in t else 1] for t in texts])
    ended = torch.tensor(["!" not in t for t in texts])
    rows = torch.arange(len(prompts)).repeat_interleave(group)
    # A completion cut at the limit shows both its tokens; an ended one the word alone.
    return written(tokens, tokens >= 0, rows, ended=ended, tokenizer=Decoder())


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(evaluation, "sample", scripted)
    return lambda **more: evaluate(Named(), Echo(), **{"prompts": 3, "samples": 4, **more})


def test_every_number_by_hand(measured):
    e = measured()
    assert e.greedy.value == pytest.approx(1 / 3)
    assert e.sampled.value == pytest.approx(4 / 12)
    # pass@2 of 3, 1, 0 right among 4: 1 - 0/6, 1 - 3/6, 0.  pass@4: 1, 1, 0.
    assert list(e.pass_at) == [1, 2, 4]
    assert [x.value for x in e.pass_at.values()] == pytest.approx([1 / 3, 0.5, 2 / 3])
    assert e.distinct.value == pytest.approx((2 + 1 + 0) / 3)
    assert e.length.value == 2.0 and e.length.low == 2.0 and e.length.high == 2.0
    assert e.reasons == {
        "right": 4 / 12,
        "wrong answer": 5 / 12,
        "bad arithmetic": 0,
        "bad format": 0,
        "no end": 3 / 12,
    }
    assert e.prompts["right"].tolist() == [3, 1, 0] and e.prompts["distinct"].tolist() == [2, 1, 0]
    assert e.prompts["greedy"].tolist() == [True, False, False]
    assert e.prompts["best"].tolist() == [True, True, False], "the right ones have the reward"
    # Three prompts: a resampled greedy mean is Binomial(3, 1/3)/3, whose 2.5 and 97.5 % points are
    # 0 and 1.
    assert (e.greedy.low, e.greedy.high) == (0.0, 1.0)


def test_batches_do_not_matter_and_seeds_do(measured):
    whole = measured()
    assert measured(batch=1) == whole and measured(batch=1).prompts.equals(whole.prompts)
    assert measured(seed=1) != whole


def test_prompts_come_from_a_stream_of_their_own(monkeypatch):
    monkeypatch.setattr(evaluation, "sample", scripted)
    task = Echo()
    evaluate(Named(), task, prompts=2, samples=2, seed=0)
    assert task.asked not in range(1000)
    own = [Prompt("c", "six")]
    assert evaluate(Named(), Echo(), prompts=own, samples=2).prompts["prompt"].tolist() == ["c"]


class Asked(Dial):
    """`dial`, which keeps the seeds that it is asked for prompts of."""

    seeds: ClassVar[list[int]] = []

    def prompts(self, n, *, seed):
        self.seeds.append(seed)
        return super().prompts(n, seed=seed)


def test_no_evaluation_asks_for_a_batch_that_training_has():
    for seed in (0, 1):
        Asked.seeds.clear()
        policy = trained(REINFORCE(), task=Asked(), steps=3, prompts=2, group=2, seed=seed).policy
        batches = {*Asked.seeds}
        evaluate(policy, Asked(), prompts=4, samples=1, seed=seed)
        assert len(batches) == 3 and Asked.seeds[-1] not in batches


def test_errors_name_the_argument(measured, policy, task):
    named(
        measured,
        {},
        {"ks": (1, "12"), "prompts": (None, True)},
        ks=([1, 8], [0]),
        prompts=(3.5, 0, 10**9),
        max_tokens=(0,),
        temperature=(math.inf, 0),
        samples=(0, 2.0),
        batch=(0,),
    )
    refused("ks: .*got none", measured, ks=[])
    refused("prompts: expected .*at least one", measured, prompts=[])
    given = {"policy": policy, "task": task}
    named(evaluate, given, {"policy": ("dial",), "task": ("dial",)}, seed=(-1,))
    refused(r"TypeError: prompts\[0\]: .*got '3'", evaluate, **given, prompts=["3"])
