"""The task `aloud`: its table of problems, its verifier case by case, a table of one's own."""

import pytest

from trlib.tasks import Aloud, Prompt

PROMPT = Prompt("18 + 25 + 31:", "74", 1)


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
