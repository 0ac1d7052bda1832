"""The task `aloud`: its table of problems, its verifier case by case, a table of one's own."""

import pytest
from datasets import Dataset, DatasetDict

from tests.losses import refused
from trlib.tasks import Aloud, Prompt, load_task

PROMPT = Prompt("18 + 25 + 31:", "74", 1)
PENS = [
    {"question": f"{n} pens at 4 dollars:", "steps": f"{n} * 4 = {4 * n}", "answer": 4 * n}
    for n in range(2, 6)
]


def saved(rows, folder):
    Dataset.from_list(rows).save_to_disk(folder)
    return str(folder)


# -- what a completion is worth


@pytest.mark.parametrize(
    ("completion", "message"),
    [
        (" 18 + 25 = 43, 43 + 31 = 74. Answer 74", "right"),
        ("Answer 74.", "right"),
        (" 18 + 25 = 40, 40 + 31 = 71. Answer 74", "right"),  # only the answer is rewarded
        (" Answer: 74\n99 + 1 + 1: Answer 101", "right"),  # the first line counts
        (" 18 + 25 = 33, 33 + 31 = 64. Answer 64", "bad arithmetic: 18 + 25 is 43, not 33"),
        (" 18 + 25 = 43, 43 + 31 = 84. Answer 84", "bad arithmetic: 43 + 31 is 74, not 84"),
        (
            " 18 + 25 = 43, 43 + 25 = 68. Answer 68",
            "bad arithmetic: step 2 is 43 + 31, not 43 + 25",
        ),
        (" 25 + 18 = 43. Answer 43", "wrong answer: the answer is 74, not 43"),
        (" 18 + 25 = 43, 43 + 31 = 74. Answer 75", "wrong answer: the answer is 74, not 75"),
        (" 75, Answer 75", "wrong answer: the answer is 74, not 75"),
        *(
            (text, "bad format: expected `Answer` and a number at the end")
            for text in (
                "",
                " 74",
                "\nAnswer 74",
                " Answer 74 or 75",
                " Answer 7.4e1",
                " Answer ७४",
            )
        ),
    ],
)
def test_the_verdict_says_why(completion, message):
    verdict = Aloud().verify(PROMPT, completion, ended=True)
    reason, _, detail = message.partition(": ")
    assert (verdict.reason, verdict.detail) == (reason, detail)
    assert verdict.reward == float(reason == "right")


def test_a_line_that_is_cut_has_no_end_and_a_new_line_is_one():
    task, right = Aloud(), " 18 + 25 = 43, 43 + 31 = 74. Answer 74"
    cut = task.verify(PROMPT, right, ended=False)
    assert (cut.reward, cut.reason) == (0.0, "no end")
    assert task.verify(PROMPT, f"{right}\n", ended=False).reason == "right"


# -- a table of one's own


def test_another_table_takes_the_problems_place(tmp_path):
    task = load_task("aloud", path=saved(PENS, tmp_path / "pens"), examples=1)
    (prompt,) = task.prompts(1, seed=0)
    first, asked = prompt.text.split("\n")
    assert first == "2 pens at 4 dollars: 2 * 4 = 8. Answer 8"
    n = int(asked.split()[0])
    assert n in (3, 4, 5) and prompt.answer == str(4 * n) and prompt.difficulty == 0
    wrong = task.verify(prompt, f" {n} * 4 = 9. Answer 9", ended=True)
    assert (wrong.reason, wrong.detail) == ("bad arithmetic", f"{n} * 4 is {4 * n}, not 9")
    assert load_task(**task.settings).prompts(3, seed=1) == task.prompts(3, seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": "3 * 4 = 12\nso 12"}, "row 1: steps: expected one line of text, got '3 "),
        ({"question": ""}, "row 1: question: expected one line of text, got ''"),
        ({"question": PENS[0]["question"]}, "expected every question once, got one again"),
    ],
)
def test_a_problem_that_cannot_be_asked_is_named(tmp_path, change, message):
    rows = [PENS[0], {**PENS[1], **change}, *PENS[2:]]
    refused(
        rf"DataError: path '.*pens'(, |: ){message}",
        load_task,
        "aloud",
        path=saved(rows, tmp_path / "pens"),
    )


def test_a_folder_that_is_no_table_of_problems_is_named(tmp_path):
    def is_refused(message, path, **more):
        refused(f"DataError: .*{message}", load_task, "aloud", path=str(path), **more)

    is_refused(r"none': expected a folder that Dataset\.save_to_disk", tmp_path / "none")
    one = saved([{"question": "1 + 1:"}], tmp_path / "one")
    is_refused("columns question, steps, answer, got question$", one)
    DatasetDict({"train": Dataset.from_list(PENS)}).save_to_disk(tmp_path / "two")
    is_refused("columns question, steps, answer, got several tables$", tmp_path / "two")
    words = [{**row, "answer": str(row["answer"])} for row in PENS]
    is_refused("row 0: answer: .* whole number, got '8'", saved(words, tmp_path / "words"))
    few = saved(PENS, tmp_path / "few")
    is_refused("expected more than examples = 4 problems, got 4", few, examples=4)
