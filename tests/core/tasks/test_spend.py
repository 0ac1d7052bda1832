"""The task `spend`: its verifier case by case, its expert and corpus by seed, its count of right
answers."""

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.evaluation import evaluate
from trlib.model.loading import EMBEDDED
from trlib.model.policy import load_policy
from trlib.tasks import Prompt, Spend
from trlib.tasks.spend import BUST

TASK = Spend()
EXAMPLE = Prompt("13 :", "0", 13)
SHIPPED = EMBEDDED / "spend"

amounts = st.tuples(st.integers(1, 12), st.integers(12, 60))
tasks = st.builds(Spend, amount=amounts, most=st.integers(4, 9))


# -- prompts
# --------------------------------------------------------------------------------------------------


# -- verifier
# --------------------------------------------------------------------------------------------------


def test_a_spending_above_the_tasks_most_is_no_spending():
    assert Spend(most=5).verify(EXAMPLE, "-9 4 -4 0", ended=True).reason == "bad format"


def test_exactly_the_compositions_of_an_amount_are_right():
    """All sequences of up to four spendings from 1 to 4, their arithmetic right: 4 has 8 of them
    that land on it."""
    task, prompt, right = Spend(amount=4, most=4), Prompt("4 :", "0"), []
    for length in range(1, 5):
        for spendings in product(range(1, 5), repeat=length):
            words, left = [], 4
            for spent in spendings:
                left -= spent
                words += [f"-{spent}", str(left) if left >= 0 else BUST]
            verdict = task.verify(prompt, " ".join(words), ended=True)
            assert (verdict.reason == "right") == (sum(spendings) == 4)
            right += [spendings] if verdict.reward else []
    assert len(right) == 2**3


# -- demonstrations and corpus
# ------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(task=tasks, seed=st.integers(0, 1000), spare=st.integers(0, 9))
def test_an_expert_is_right_within_the_limit(task, seed, spare):
    high = task.amount[1]
    task = Spend(
        amount=task.amount, most=task.most, max_tokens=2 * -(-high // task.most) + 1 + spare
    )
    prompts = task.prompts(10, seed=seed)
    texts = task.demonstrations(prompts, seed=seed)
    assert texts == task.demonstrations(prompts, seed=seed)
    for prompt, text in zip(prompts, texts, strict=True):
        assert task.verify(prompt, text, ended=True).reason == "right"
        assert len(text.split()) + 1 <= task.max_tokens


# -- tokenizer and shipped checkpoint
# -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def card():
    return json.loads((SHIPPED / "card.json").read_text())


def test_our_sampler_agrees_with_the_card_and_finds_many_right_answers(card):
    """Other prompts than the card's; five standard deviations. Of 8 samples most right ones
    differ."""
    n, said = 128, card["accuracy"]["sampled"]["accuracy"]
    found = evaluate(load_policy("spend"), TASK, prompts=n, samples=8, seed=1)
    spread = (said * (1 - said) * (1 / (8 * n) + 1 / 4000)) ** 0.5
    assert abs(found.sampled.value - said) < 5 * spread
    assert found.distinct.value > 0.95 * 8 * found.sampled.value
    assert found.pass_at[8].value > 3 * found.sampled.value
