"""Final answers in the formats that models write them, by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.tasks.answers import final_answer, judge, numbers, show, wrong_step

MARKED = [
    ("She makes 9 * 2 = $18 every day.\n#### 18", 18), ("#### $1,234.50", Fraction("1234.5")), ("####18 eggs", 18),
    ("#### -7", -7), ("#### 3/4", Fraction(3, 4)), ("#### 12 + 6 = 18", 18),
    (r"\boxed{18}", 18), (r"so $\boxed{\$18}$.", 18), (r"\boxed{18\%}", 18), (r"\boxed{\frac{1}{2}}", Fraction(1, 2)),
    (r"\boxed{-\frac{3}{4}}", Fraction(-3, 4)), (r"\boxed{18\text{ eggs}}", 18), (r"\boxed{1{,}000}", 1000),
    (r"\boxed{\text{eggs: } 18}", 18), (r"\boxed {18}", 18),
    ("The answer is 18.", 18), ("the answer is: 18", 18), ("The final answer is $1,234.50.", Fraction("1234.5")),
    ("Answer: 18", 18), ("**Answer:** 18", 18), ("Answer = -3", -3), ("The answers are 18", 18),
    ("The answer, in dollars, is 18.", 18), ("The answer is 16 - 3 = 13 eggs. He has 5 more.", 13),
    ("The answer is:\n\n**18**", 18), ("THE ANSWER IS 1 1/2 CUPS", Fraction(3, 2)),
    ("The answer is 12. No, wait: the answer is 18.", 18), (r"The answer is 12. \boxed{18}", 18),
    (r"\boxed{12} #### 18", 18), (r"The answer is 18, as \boxed{} says", 18),
]
BARE = [
    ("18", 18), (" 18\n", 18), ("18.", 18), ("**18**", 18), ("16 - 3 = 13 eggs", 13), ("-3", -3), ("−3 degrees", -3),
    ("-$5", -5), ("$-5", -5), ("$1,234.50", Fraction("1234.5")), ("1,234,567", 1_234_567), ("18%", 18), ("18 %", 18),
    ("18kg", 18), ("0.50", Fraction(1, 2)), (".5", Fraction(1, 2)), ("3/4 of it", Fraction(3, 4)), ("10-3", 3),
    ("2, 5, 7", 7), ("2,5,7", 7), ("€20", 20), ("5/0 or 3", 3),
]
SILENT = ["", "eighteen", "no idea", "5/0", "####", r"\boxed{}", "The answer is unknown."]


@pytest.mark.parametrize(("text", "answer"), MARKED)
def test_a_marked_answer(text, answer):
    assert final_answer(text, last_number=False) == final_answer(text) == answer


@pytest.mark.parametrize(("text", "answer"), BARE)
def test_the_last_number_where_nothing_is_marked(text, answer):
    assert final_answer(text) == answer
    assert final_answer(text, last_number=False) is None


@pytest.mark.parametrize("text", SILENT)
def test_no_answer(text):
    assert final_answer(text) is None


@settings(max_examples=60, deadline=None)
@given(value=st.fractions(max_denominator=10_000).filter(lambda v: abs(v) < 10**12))
def test_a_number_survives_being_shown(value):
    assert numbers(show(value)) == [value]
    for form in ("#### {}", r"\boxed{{{}}}", "The answer is {}.", "so it is {} kg"):
        assert final_answer(form.format(show(value))) == value


@pytest.mark.parametrize(("value", "shown"), [
    (Fraction(18), "18"), (Fraction(-5, 4), "-1.25"), (Fraction(1, 3), "1/3"), (Fraction(1, 10**6), "0.000001"),
    (Fraction(1, 10**7), "1/10000000"), (Fraction(0), "0"), (Fraction(10**30), "1" + "0" * 30)])
def test_a_number_as_one_writes_it(value, shown):
    assert show(value) == shown


@pytest.mark.parametrize(("text", "said"), [
    ("16 - 3 = 12", "16-3 is 13, not 12"), ("2*9 = $19", "2*9 is 18, not 19"), ("10/3 = 3.4", None),
    ("10/3 = 3.5", "10/3 is 10/3, not 3.5"), ("10/4=3", "10/4 is 2.5, not 3"),
    ("5 + 3 × 2 = 16", "5+3*2 is 11, not 16"), ("1,000 x 2 = 3,000", "1,000*2 is 2000, not 3,000"),
    ("- 5 + 3 = 4", "-5+3 is -2, not 4"), ("4 - 4 - 4 = 4", "4-4-4 is -4, not 4"), ("8 ÷ 2 = 3", "8/2 is 4, not 3"),
    ("2 + 2 = 4, then 4 + 1 = 6", "4+1 is 5, not 6"), (r"$\frac{6}{2} = 4$", "6/2 is 3, not 4")])
def test_the_first_equation_that_does_not_hold(text, said):
    assert wrong_step(text) == said


@pytest.mark.parametrize("text", [
    "16 - 3 = 13", "5 + 3 * 2 = 11", "x * 5 + 3 = 18", "16-3=13-4=9", "7/2 = 3 remainder 1", "7/2 = 3 1/2",
    "50% * 20 = 10", "20 * 50% = 10", "3/0 = 1", "2 * (3 + 4) = 14", "n = 5",
    "a total of 5\n- 3 = three", "2 + 3 = 5.0"])
def test_what_holds_or_is_no_plain_equation_is_let_be(text):
    assert wrong_step(text) is None


@pytest.mark.parametrize(("text", "ended", "last_number", "reason", "detail"), [
    ("9 * 2 = 18\n#### 18", True, True, "right", ""),
    ("#### 18.00", True, False, "right", ""),
    ("9 * 2 = 19, so 18", True, True, "right", ""),             # only the outcome is rewarded
    ("9 * 2 = 19\n#### 19", True, True, "bad arithmetic", "9*2 is 18, not 19"),
    ("9 + 2 = 11\n#### 11", True, True, "wrong answer", "the answer is 18, not 11"),
    ("It is 18", True, False, "bad format", r"expected an answer after `####`, in \boxed{} or after `the answer is`"),
    ("It is", True, True, "bad format", "expected a number"),
    ("#### 18", False, True, "no end", "the token limit came before the end token"),
])
def test_the_verifier_says_why(text, ended, last_number, reason, detail):
    verdict = judge(text, "18", ended=ended, last_number=last_number)
    assert (verdict.reward, verdict.reason, verdict.detail) == (float(reason == "right"), reason, detail)


def test_numbers_too_long_to_be_meant_are_no_error():
    assert judge("9" * 5000, "18", ended=True).reason == "wrong answer"
    assert judge("9" * 299 + ".5 * " + "9" * 299 + " = 1", "18", ended=True).reason == "bad arithmetic"


def test_an_answer_that_is_no_number_is_another_tasks():
    with pytest.raises(ValueError, match=r"prompt: expected a number as its answer, got 'so'"):
        judge("18", "so", ended=True)
