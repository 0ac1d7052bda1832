"""The task `sums`: its arithmetic, its prompts by seed, its verifier case by case."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.tasks import Sums, load_task

tasks = st.builds(
    Sums,
    numbers=st.tuples(st.integers(0, 9), st.integers(9, 120)),
    operations=st.sampled_from(["+", "-", "*", "+-", "+-*"]),
    examples=st.integers(0, 3),
    text=st.sampled_from(["What is {}?", "{} ="]),
    must_end=st.booleans(),
)


@settings(max_examples=30, deadline=None)
@given(task=tasks, seed=st.integers(-(2**63), 2**63))
def test_prompts_are_stable_stay_in_range_and_are_answered_by_the_expert(task, seed):
    prompts = task.prompts(12, seed=seed)
    assert prompts[:5] == task.prompts(5, seed=seed)
    low, high = task.numbers
    for prompt, text in zip(prompts, task.demonstrations(prompts, seed=seed), strict=True):
        before, after = task.text.split("{}")
        *solved, last = prompt.text.split("\n")
        one, sign, other = last[len(before) : len(last) - len(after)].split()
        assert low <= int(one) <= high and low <= int(other) <= high and sign in task.operations
        assert prompt.answer == str(
            {"+": int(one) + int(other), "-": int(one) - int(other), "*": int(one) * int(other)}[
                sign
            ]
        )
        assert prompt.difficulty == len(prompt.answer) and int(prompt.answer) >= 0
        assert len(solved) == task.examples
        assert task.verify(prompt, text, ended=True).reason == "right"
        for line in solved:
            expression, _, result = line[len(before) :].rpartition(f"{after} ")
            assert eval(expression) == int(result)


def test_prompts_of_seed_0_never_change():
    # Recorded: a change here changes every recorded run.
    prompts = Sums(numbers=(10, 99), text="{} =", examples=2).prompts(2, seed=0)
    assert [(p.text, p.answer) for p in prompts] == [
        ("90 + 97 = 187\n57 + 70 = 127\n94 + 14 =", "108"),
        ("90 + 97 = 187\n57 + 70 = 127\n56 + 72 =", "128"),
    ]
    assert [p.text for p in Sums().prompts(1, seed=0)] == ["What is 93 + 6?"]


@pytest.mark.parametrize(
    ("completion", "ended", "must_end", "reason"),
    [
        ("27", True, True, "right"),
        ("23 + 4 = 27.", True, True, "right"),
        ("The answer is 27.", True, True, "right"),
        ("27", False, True, "no end"),
        ("27\n28 + 1 = 29", True, True, "wrong answer"),
        ("", True, True, "bad format"),
        ("23 + 4 = 28", True, True, "bad arithmetic"),
        ("28", True, True, "wrong answer"),
        (" 27", False, False, "right"),
        (" 27\n28 + 1 = 29", False, False, "right"),
        ("\n27", False, False, "right"),
        (" 28\n27", False, False, "wrong answer"),
        (" hm\n27", False, False, "bad format"),
        ("", True, False, "bad format"),
    ],
)
def test_the_verifier(completion, ended, must_end, reason):
    task = Sums(numbers=(23, 23), must_end=must_end)
    prompt = task.prompts(1, seed=0)[0]
    assert prompt.answer == "46"
    verdict = task.verify(type(prompt)("What is 23 + 4?", "27", 2), completion, ended=ended)
    assert (verdict.reason, verdict.reward) == (reason, float(reason == "right"))


def test_a_list_is_continued_after_a_space_and_a_question_is_answered_alone():
    prompt = Sums(numbers=23).prompts(1, seed=0)
    assert Sums().demonstrations(prompt, seed=0) == ["46"]
    assert Sums(must_end=False).demonstrations(prompt, seed=0) == [" 46"]


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"numbers": 7},
        {
            "numbers": (10, 99),
            "operations": "+-",
            "text": "{} =",
            "examples": 2,
            "must_end": False,
            "max_tokens": 5,
        },
    ],
)
def test_settings_are_json_and_make_the_same_task(knobs):
    task = load_task("sums", **knobs)
    again = load_task(**json.loads(json.dumps(task.settings)))
    assert (
        again == task
        and hash(again) == hash(task)
        and again.prompts(5, seed=1) == task.prompts(5, seed=1)
    )


@pytest.mark.parametrize(
    ("knobs", "error", "message"),
    [
        ({"numbers": (5, 2)}, ValueError, r"numbers: expected low <= high"),
        ({"numbers": -1}, ValueError, r"numbers: expected a whole number of at least 0, got -1"),
        (
            {"operations": "/"},
            ValueError,
            r"operations: expected some of \+ - \* as one word, got '/'",
        ),
        ({"operations": ""}, ValueError, r"operations: expected some of"),
        ({"operations": ["+"]}, TypeError, r"operations: expected text, got list"),
        (
            {"text": "What?"},
            ValueError,
            r"text: expected `\{\}` once, where the operation goes, got 'What\?'",
        ),
        ({"examples": -1}, ValueError, r"examples: expected a whole number of at least 0"),
        ({"must_end": 1}, TypeError, r"must_end: expected True or False, got int"),
        ({"max_tokens": 0}, ValueError, r"max_tokens: expected a whole number of at least 1"),
    ],
)
def test_a_bad_knob_is_named(knobs, error, message):
    with pytest.raises(error, match=message):
        load_task("sums", **knobs)
