"""What every task does with its prompts, knobs and completions: a table each, and a line a case."""

import json
from itertools import islice

import pytest

from tests.test_vectors import FILE as ROWS
from trlab.pretraining import BASES
from trlib.tasks import REASONS, Prompt, load_task

RECORDED = json.loads(ROWS.read_text(encoding="utf-8"))["tasks"]


def drawn(name, **knobs):
    """What a task draws of seed 0, as JSON has it."""
    task = load_task(name, **{k: tuple(v) if isinstance(v, list) else v for k, v in knobs.items()})
    prompts = task.prompts(6, seed=0)
    found = {"prompts": [[p.text, p.answer, p.difficulty] for p in prompts]}
    if name != "relay":
        found["expert"] = task.demonstrations(prompts, seed=0)
    if name in BASES:
        teacher = BASES[name].teacher(task)
        lessons = [islice(lesson, 6) for lesson in teacher.lessons(seed=0)]
        read = [[p.text, text] for lesson in lessons for p, text in lesson]
        found["read"], found["chosen"] = read, teacher.chosen(read[-1][1].split())
    return json.loads(json.dumps(found))


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["task"])
def test_what_seed_0_draws_never_changes(row):
    """Prompts, an expert's answers, and what a base model reads: a change here changes every
    recorded run."""
    assert drawn(row["task"], **row["knobs"]) == row["drawn"]


DIAL, SPEND = Prompt("7 : +3 x7 flip -2 sq =", "9", 5), Prompt("13 :", "0", 13)
"""7 +3 = 10; 10 x 7 = 70 = 10 on a dial of 20; 19 - 10 = 9; 9 - 2 = 7; 7 x 7 = 49 = 9."""
NO_END = "the token limit came before the end token"
NUMBER = "expected `so` and a number at the end"
PAIRS = "expected pairs of a spending and what is left"
VERDICTS = {
    ("dial", DIAL): {
        "slowly 10 10 9 7 9 so 9": "right",
        "so 9": "right",
        "slowly 10 11 9 7 9 so 9": "right",  # only the outcome is rewarded
        "easy so 4 so 9": "right",  # the last word counts
        "easy so 177": "wrong answer: the dial ends at 9, not 177",
        "slowly 10 10 9 7 9 so 7": "wrong answer: the dial ends at 9, not 7",
        "slowly 10 11 8 6 16 so 16": "bad arithmetic: after x7 the dial is at 10, not 11",
        "slowly 10 10 9 7 9 10 so 10": "bad arithmetic: 10 is written after the last move",
        **dict.fromkeys(
            ("easy so", "easy so so", "easy so 9 9", "9", "easy so ९"),
            f"bad format: {NUMBER}",
        ),
    },
    ("spend", SPEND): {
        "-9 4 -4 0": "right",
        "-1 12 -5 7 -7 0": "right",
        "-9 4 -3 1": "wrong answer: 1 is left",
        "-9 4 -7 bust": "wrong answer: 3 more spent than there was",
        "-9 3 -3 0": "bad arithmetic: 13 -9 leaves 4, not 3",
        "-9 4 -7 0": "bad arithmetic: 4 -7 leaves bust, not 0",
        "-9 4 -7 bust -4 0": "bad format: -4 is written after bust",
        **dict.fromkeys(("-9 4 -4", "", "0"), f"bad format: {PAIRS}"),
        "9 4 -4 0": "bad format: expected a spending from -1 to -9, got 9",
        "--9 4 -4 0": "bad format: expected a spending from -1 to -9, got --9",
        "-9 -4 -4 0": "bad format: expected what is left after -9, got -4",
        "-9 4 -4 ०": "bad format: expected what is left after -4, got ०",
    },
}


@pytest.mark.parametrize(
    ("name", "prompt", "completion", "expected"),
    [(*key, text, expected) for key, table in VERDICTS.items() for text, expected in table.items()],
)
def test_the_verifier_says_why(name, prompt, completion, expected):
    verdict = load_task(name).verify(prompt, completion, ended=True)
    reason, _, detail = expected.partition(": ")
    assert verdict.reason == reason and verdict.detail == detail and reason in REASONS
    assert verdict.reward == float(reason == "right")
    cut = load_task(name).verify(prompt, completion, ended=False)
    assert (cut.reward, cut.reason, cut.detail) == (0.0, "no end", NO_END)


def test_a_spending_above_the_tasks_most_is_no_spending():
    task = load_task("spend", most=5)
    assert task.verify(SPEND, "-9 4 -4 0", ended=True).reason == "bad format"


@pytest.mark.parametrize(
    ("must_end", "completion", "ended", "reason"),
    [
        (True, "27", True, "right"),
        (True, "23 + 4 = 27.", True, "right"),
        (True, "The answer is 27.", True, "right"),
        (True, "27", False, "no end"),
        (True, "27\n28 + 1 = 29", True, "wrong answer"),
        (True, "", True, "bad format"),
        (True, "23 + 4 = 28", True, "bad arithmetic"),
        (True, "28", True, "wrong answer"),
        (False, " 27", False, "right"),
        (False, " 27\n28 + 1 = 29", False, "right"),
        (False, "\n27", False, "right"),
        (False, " 28\n27", False, "wrong answer"),
        (False, " hm\n27", False, "bad format"),
        (False, "", True, "bad format"),
    ],
)
def test_the_verifier_of_sums(must_end, completion, ended, reason):
    prompt = Prompt("What is 23 + 4?", "27", 2)
    verdict = load_task("sums", must_end=must_end).verify(prompt, completion, ended=ended)
    assert (verdict.reason, verdict.reward) == (reason, float(reason == "right"))
