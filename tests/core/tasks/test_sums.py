"""The task `sums`: its arithmetic, its prompts by seed, its verifier case by case."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.tasks import Sums

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


def test_a_list_is_continued_after_a_space_and_a_question_is_answered_alone():
    prompt = Sums(numbers=23).prompts(1, seed=0)
    assert Sums().demonstrations(prompt, seed=0) == ["46"]
    assert Sums(must_end=False).demonstrations(prompt, seed=0) == [" 46"]
