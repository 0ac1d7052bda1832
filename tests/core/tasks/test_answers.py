"""Final answers in the formats that models write them, by hand."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.tasks.answers import final_answer, judge, reference, show, wrong_step

MARKED = [
    ("####18 eggs", 18),
    ("#### −7", -7),
    ("#### -$3", -3),
    ("#### x = 5", 5),
    ("#### 42 000", 42_000),
    (r"\boxed{18\%}", Fraction(18, 100)),
    (r"\boxed{\frac{1}{2}}", Fraction(1, 2)),
    (r"\boxed{1{,}000}", 1000),
    (r"\boxed{\text{eggs: } 18}", 18),
    ("The answer is 18.", 18),
    ("The answer, in dollars, is 18.", 18),
    ("The answer is 5, because 2+3 = 5 and 5+1=6", 5),
    ("The answer is 9*2 = <<9*2=18>>18.", 18),
    ("The answer is:\n\n**18**", 18),
    (r"The answer is 12. \boxed{18}", 18),
]
BARE = [
    ("18", 18),
    ("18kg", 18),
    (".5", Fraction(1, 2)),
    ("2,5,7", 7),
]
HEADINGS = [  # a word or a heading on the way marks no answer: the last number counts
    "The answer is found as follows: 16 - 7 = 9 eggs are left.\nShe makes $18.",
    "Answer: Janet has 16 eggs. She uses 7. So she makes 9 * 2 = 18 dollars.",
    "#### 1. Count\n16 - 7 = 9\n#### 2. Multiply\nShe makes 9 * 2 = 18 dollars.",
    "Question: is the answer 18? Yes.",
]
UNREADABLE = [  # what is marked is no answer, and no other number is taken for it
    # denied
    "The answer is not 18.",
    "The answer isn't 18.",
    "The answer is less than 18.",
    # hedged
    "#### ≈ 18",
    "The answer is about 18.",
    # one of several
    "#### 18 dollars or maybe 20",
    "The answers are 18 and 20.",
    r"\boxed{18, 20}",
    # changed by what stands beside it, or a formula without its result
    "#### 18 million",
    "#### 18²",
    "#### 18x",
    "#### 9 * 2",
    r"\boxed{18^2}",
    r"\boxed{\sqrt{18}}",
    # not one number
    "The answer is 10:30",
    "#### 18/0",
    "The answer is 18.\n#### 18 or 20",
]
SILENT = [
    "",
    "#### two",
    "so 18k",
]
PERCENT = [  # text, answer asked for, right?
    ("#### 70%", "70", False),
    ("#### 70%", "70%", True),
    ("#### 70", "70%", True),
    ("35 / 50 = 70%", "70%", True),
]


@pytest.mark.parametrize(("text", "answer"), MARKED)
def test_a_marked_answer(text, answer):
    assert final_answer(text, last_number=False) == final_answer(text) == answer


@pytest.mark.parametrize(("text", "answer"), BARE)
def test_the_last_number_where_nothing_is_marked(text, answer):
    assert final_answer(text) == answer
    assert final_answer(text, last_number=False) is None


@pytest.mark.parametrize("text", HEADINGS)
def test_what_marks_no_answer(text):
    assert final_answer(text) == 18


@pytest.mark.parametrize("text", UNREADABLE + SILENT)
def test_no_answer(text):
    assert final_answer(text) is None
    assert judge(text, "18", ended=True).reason == "bad format"


@pytest.mark.parametrize(("text", "answer", "right"), PERCENT)
def test_a_percent_sign_is_a_unit_only_if_a_percentage_is_expected(text, answer, right):
    assert (judge(text, answer, ended=True).reason == "right") is right


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("70%", 70),
        ("~70000?", None),
        ("18 or 20", None),
    ],
)
def test_a_problems_answer_is_read_as_strictly_as_a_completions(answer, number):
    assert reference(answer) == number


@settings(max_examples=60, deadline=None)
@given(value=st.fractions(max_denominator=10_000).filter(lambda v: abs(v) < 10**12))
def test_a_number_survives_being_shown(value):
    assert reference(show(value)) == value
    for form in ("#### {}", r"\boxed{{{}}}", "The answer is {}.", "so it is {} kg"):
        assert final_answer(form.format(show(value))) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(-5, 4), "-1.25"),
        (Fraction(1, 10**6), "0.000001"),
        (Fraction(1, 10**7), "1/10000000"),
        (Fraction(0), "0"),
    ],
)
def test_a_number_as_one_writes_it(value, shown):
    assert show(value) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("16 - 3 = 12", "16 - 3 is 13, not 12"),
        ("10/3 = 3.4", None),  # rounded, off by one unit of the last digit at most
        ("10/3 = 3.5", "10 / 3 is 10/3, not 3.5"),
        ("10/4=3", "10 / 4 is 2.5, not 3"),
        ("1,000 x 2 = 3,000", "1000 x 2 is 2000, not 3000"),
        ("8 ÷ 2 = 3", "8 ÷ 2 is 4, not 3"),
        ("2 + 2 = 4, then 4 + 1 = 6", "4 + 1 is 5, not 6"),
    ],
)
def test_the_first_step_that_does_not_hold(text, message):
    assert wrong_step(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "5 + 3 * 2 = 11",
        "x * 5 + 3 = 18",
        "x - 3 + 4 = 9",
        "7/2 = 3 remainder 1",
        "7/2 = 3 1/2",
        "3/0 = 1",
        "3 boxes of 4 + 2 = 14",
        # right solutions of GSM8K
        "$2.50 - $2.24 = 26 cents",
        "15 pages x 1/3 = 5 pages",
        "3*30 = 30 + M trees",
        "13 / 6 = 2 full cycles with a remainder of 1 hour",
        "0900-0130 = 0730 hours",
        "14, 400 / 80 = 180",
    ],
)
def test_what_holds_or_is_no_plain_step_passes(text):
    assert wrong_step(text) is None


@pytest.mark.parametrize(
    ("text", "ended", "last_number", "reason", "detail"),
    [
        ("9 * 2 = 18\n#### 18", True, True, "right", ""),
        ("#### 18.00", True, False, "right", ""),
        ("9 * 2 = 19, so 18", True, True, "right", ""),  # only the outcome is rewarded
        ("9 * 2 = 19\n#### 19", True, True, "bad arithmetic", "9 * 2 is 18, not 19"),
        ("9 + 2 = 11\n#### 11", True, True, "wrong answer", "the answer is 18, not 11"),
        ("#### 18", False, True, "no end", "the token limit came before the end token"),
        (
            "It is 18",
            True,
            False,
            "bad format",
            r"expected an answer after `####`, in \boxed{} or after `the answer is`",
        ),
    ],
)
def test_the_verifier_says_why(text, ended, last_number, reason, detail):
    verdict = judge(text, "18", ended=ended, last_number=last_number)
    assert (verdict.reward, verdict.reason, verdict.detail) == (
        float(reason == "right"),
        reason,
        detail,
    )


@pytest.mark.parametrize(
    "text", ["9" * 5000, "9*" * 5000 + "9", "#### " + "9*" * 5000 + "9", "9" * 5000 + " + 9 = 1"]
)
def test_very_long_numbers_and_formulas_are_no_error(text):
    assert judge(text, "18", ended=True).reward == 0
