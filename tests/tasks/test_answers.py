"""Final answers in the formats that models write them, by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.tasks.answers import final_answer, judge, reference, show, wrong_step

MARKED = [
    ("She makes 9 * 2 = $18 every day.\n#### 18", 18),
    ("#### $1,234.50", Fraction("1234.5")),
    ("####18 eggs", 18),
    ("#### -7", -7),
    ("#### 3/4", Fraction(3, 4)),
    ("#### 12 + 6 = 18", 18),
    (r"\boxed{18}", 18),
    (r"so $\boxed{\$18}$.", 18),
    (r"\boxed{18\%}", Fraction(18, 100)),
    (r"\boxed{\frac{1}{2}}", Fraction(1, 2)),
    (r"\boxed{-\frac{3}{4}}", Fraction(-3, 4)),
    (r"\boxed{18\text{ eggs}}", 18),
    (r"\boxed{1{,}000}", 1000),
    (r"\boxed{\text{eggs: } 18}", 18),
    (r"\boxed {18}", 18),
    ("The answer is 18.", 18),
    ("the answer is: 18", 18),
    ("The final answer is $1,234.50.", Fraction("1234.5")),
    ("Answer: 18", 18),
    ("**Answer:** 18", 18),
    ("Answer = -3", -3),
    ("The answers are 18", 18),
    ("The answer, in dollars, is 18.", 18),
    ("The answer is 16 - 3 = 13 eggs. He has 5 more.", 13),
    ("The answer is:\n\n**18**", 18),
    ("THE ANSWER IS 1 1/2 CUPS", Fraction(3, 2)),
    ("The answer is 12. No, wait: the answer is 18.", 18),
    (r"The answer is 12. \boxed{18}", 18),
    (r"\boxed{12} #### 18", 18),
    (r"The answer is 18, as \boxed{} says", 18),
]
BARE = [
    ("18", 18),
    (" 18\n", 18),
    ("18.", 18),
    ("**18**", 18),
    ("16 - 3 = 13 eggs", 13),
    ("-3", -3),
    ("−3 degrees", -3),
    ("-$5", -5),
    ("$-5", -5),
    ("$1,234.50", Fraction("1234.5")),
    ("1,234,567", 1_234_567),
    ("18%", Fraction(18, 100)),
    ("18 %", Fraction(18, 100)),
    ("18kg", 18),
    ("0.50", Fraction(1, 2)),
    (".5", Fraction(1, 2)),
    ("3/4 of it", Fraction(3, 4)),
    ("10-3", 3),
    ("2, 5, 7", 7),
    ("2,5,7", 7),
    ("€20", 20),
    ("5/0 or 3", 3),
]
JUDGED = [  # text, truth, accepted?
    # a word or a heading on the way is no mark
    ("To answer this, let's think step by step:\n\n1. Janet has 16 eggs.\n2. She makes 9 * 2 = 18 dollars.", 18, True),
    ("Let me answer the question: there are 16 eggs and 7 are used. So she makes 18 dollars.", 18, True),
    ("To find the answer we need to know how many are left: 9 eggs. She makes $18.", 18, True),
    ("The answer is found as follows: 16 - 7 = 9 eggs are left.\nShe makes $18.", 18, True),
    ("Answer: Janet has 16 eggs. She uses 7. So she makes 9 * 2 = 18 dollars.", 18, True),
    ("#### Step 1: Count\n16 - 7 = 9\n#### Step 2: Multiply\nShe makes 9 * 2 = 18 dollars.", 18, True),
    ("#### Step 1: Count\n16 - 7 = 9\n#### Step 2: Multiply\nShe makes 9 * 2 = 18 dollars.", 2, False),
    ("#### 1. Count\n16 - 7 = 9\n#### 2. Multiply\nShe makes 9 * 2 = 18 dollars.", 18, True),
    ("#### Step 2: Multiply\n9 * 2 = 18\n#### Conclusion\nJanet makes $18 every day.", 18, True),
    ("#### Step 1: buy 42\nThe total is 41", 42, False),
    ("#### 42. I hope this is right.", 42, True),
    ("#### 18.\n\nSo it took 5 steps", 18, True),
    ("The answer is 9*2 = <<9*2=18>>18.", 18, True),
    ("Question: is the answer 42? Yes.", 42, True),
    ("The answer is 41. Wait: the answer is 42.", 41, False),
    # words around a marked answer
    ("the answer should be 18. That took 3 steps.", 18, True),
    ("The answer is therefore 42.\n7 steps.", 42, True),
    ("The answer is that Janet makes $18. Well, 3 checks.", 18, True),
    ("The answer was 18. 3 checks.", 18, True),
    ("Final Answer: Janet makes $18 in 3 days.", 18, True),
    ("The answer is 18 dollars a day for 3 days.", 18, True),
    ("The answer is 5, because 2+3 = 5 and 5+1=6", 5, True),
    ("#### 18 (9*2)", 18, True),
    ("Answer: 18 (9 eggs at $2 each)", 18, True),
    ("The answer is 9 eggs * $2 = $18, he said 3 times", 18, True),
    ("The answer is what she has in all, 9 * 2 = 18 dollars in 3 days.", 18, True),
    ("#### 12 km/h", 12, True),
    ("#### 42nd", 42, True),
    ("#### 42%", 42, False),
    ("#### 42%", Fraction(42, 100), True),
    ("The answer is:\n- 18 dollars", 18, True),
    ("#### x = 5", 5, True),
    ("#### 5 = x", 5, True),
    ("#### 5!", 5, True),
    # denied, or one of several
    ("The answer is not 18.", 18, False),
    ("The answer isn't 18.", 18, False),
    ("The answer can't be 18", 18, False),
    ("The answer is between 18 and 20.", 18, False),
    ("The answer is between 18 and 20.", 20, False),
    ("The answer is less than 18.", 18, False),
    ("The answer is not 42 but 41.", 42, False),
    (r"\boxed{18, 20}", 18, False),
    (r"\boxed{18, 20}", 20, False),
    ("#### 42 or 43", 42, False),
    ("#### 42 or 43", 43, False),
    ("#### 42 dollars or maybe 43", 42, False),
    ("#### 42, 41", 42, False),
    ("#### 40 41 42", 42, False),
    ("The answers are 41 and 42.", 41, False),
    ("#### 42-45", 42, False),
    ("#### 42-43 minutes", 42, False),
    ("#### 5 apples and 3 pears", 5, False),
    # changed by what stands beside it
    ("#### 18 + 1", 18, False),
    ("#### 18 + x", 18, False),
    ("#### 9 * 2", 9, False),
    ("#### 42^2", 42, False),
    ("#### 42²", 42, False),
    (r"\boxed{10^2}", 10, False),
    (r"\boxed{\sqrt{18}}", 18, False),
    ("#### 3x", 3, False),
    (r"\boxed{2\pi}", 2, False),
    ("#### 18k", 18, False),
    ("#### 18 million", 18, False),
    ("so 18k", 18, False),
    ("so 18 million", 18, False),
    ("The answer is 10:30", 10, False),
    ("#### A42", 42, False),
    ("#### B2B", 2, False),
    ("#### 42e3", 42, False),
    ("#### 12.0.0", 12, False),
    ("#### 1,23", 123, False),
    ("#### 1,23", 1, False),
    ("#### 1.234,56", Fraction("1.234"), False),
    ("#### 50% * 20", 1000, False),
    ("#### 6 / 1/2", 3, False),
    # one number, written in another way
    ("#### negative 3", -3, True),
    ("#### negative 3", 3, False),
    ("#### - 3", -3, True),
    ("#### - 3", 3, False),
    ("It is negative 3", -3, True),
    ("The answer is therefore -3", -3, True),
    ("The answer is therefore negative 3", -3, True),
    ("#### 16 -3", 13, True),
    ("#### 6 * -3 = -18", -18, True),
    ("16 minus 3", 3, True),
    ("#### +3", 3, True),
    ("#### -$3", -3, True),
    ("#### 42 000", 42_000, True),
    ("#### 42 000", 42, False),
    (r"\boxed{42 000}", 42_000, True),
    ("#### 5\u202f000", 5000, True),
    ("#### 5\u00a0000", 5000, True),
    ("#### 1'234", 1234, True),
    ("#### 1_234", 1234, True),
    ("#### 4.2e1", 42, True),
    ("#### 42e3", 42_000, True),
    ("2x3", 3, True),
    (r"\boxed{\frac34}", Fraction(3, 4), True),
    (r"\boxed{3\frac{1}{2}}", Fraction(7, 2), True),
    ("#### 1 and 1/2 cups", Fraction(3, 2), True),
    (r"\boxed{42^\circ}", 42, True),
    ("#### 7 dozen", 7, True),
    # a formula
    ("#### 40 + 2", 42, True),
    ("#### 9 * 2", 18, True),
    (r"\boxed{2\times 21}", 42, True),
    ("#### 2x3=6", 6, True),
    (r"\boxed{\frac{84}{2}}", 42, True),
    ("#### 2 * (3 + 4)", 14, True),
    ("The answer is 2 * (3+4) = 14.", 14, True),
    ("#### (42)", 42, True),
    ("#### 5/0", 5, False),
    ("The answer is 5 minus 3", 2, True),
    # per cent: a unit where it is asked for, and a hundredth where it is not
    ("#### 70%", 70, False),
    ("#### 70%", "70%", True),
    ("#### 70", "70%", True),
    ("#### 70 percent", "70%", True),
    ("#### 0.7", "70%", False),
    ("#### 70%", Fraction(7, 10), True),
    (r"\boxed{70\%}", "70%", True),
    (r"\boxed{70\%}", 70, False),
    ("35 / 50 = 70%", "70%", True),
    ("so 70%", 70, False),
    # hedged
    ("#### ~70000?", 70000, False),
    ("#### ~70000", 70000, False),
    ("#### 70000?", 70000, False),
    ("The answer is about 70000.", 70000, False),
    ("#### ≈ 18", 18, False),
    ("Answer: probably 18", 18, False),
    (r"\boxed{18~\text{eggs}}", 18, True),
    # not read
    ("#### two", 2, False),
    ("#### 1.234,56", Fraction("1234.56"), False),
    (r"\boxed{10^2}", 100, False),
]
SILENT = ["", "eighteen", "no idea", "5/0", "####", r"\boxed{}", "The answer is unknown."]


def asked(truth: Fraction | int | str) -> str:
    """A problem's answer as its prompt has it."""
    return truth if isinstance(truth, str) else show(Fraction(truth))


ODD = (
    [(text, asked(answer), True) for text, answer in MARKED + BARE]
    + [(text, asked(truth), accepted) for text, truth, accepted in JUDGED]
    + [(text, "18", False) for text in SILENT]
)
"""Every case above: a text, the answer asked for, whether it is right. `benchmarks.answers` asks other readers, too."""


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


@pytest.mark.parametrize(("text", "truth", "accepted"), JUDGED)
def test_what_is_accepted_as_an_answer_and_what_is_not(text, truth, accepted):
    assert (judge(text, asked(truth), ended=True).reason == "right") is accepted


def test_per_cent_are_a_unit_only_where_they_are_asked_for():
    for text, plain, percent in (
        ("#### 70%", Fraction(7, 10), 70),
        ("It is 70 %", Fraction(7, 10), 70),
        ("The answer is 35/50 = 70 percent", Fraction(7, 10), 70),
        ("#### 70", 70, 70),
    ):
        assert (final_answer(text), final_answer(text, percent=True)) == (plain, percent)
    assert judge("#### 60%", "70%", ended=True).detail == "the answer is 70%, not 60"
    assert judge("#### 70%", "70", ended=True).detail == "the answer is 70, not 0.7"


@pytest.mark.parametrize("text", ["#### ~70000?", "~70000?", "≈ 18", "so ~ $18", "#### 18 eggs?", r"\boxed{~18}"])
def test_a_hedged_number_is_no_answer(text):
    assert final_answer(text) is None and judge(text, "18", ended=True).reason == "bad format"


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("70%", 70),
        ("1,280", 1280),
        ("$18", 18),
        ("18 eggs", 18),
        ("-7", -7),
        ("1/4", Fraction(1, 4)),
        ("~70000?", None),
        ("three", None),
        ("18 or 20", None),
        ("", None),
        ("18k", None),
    ],
)
def test_a_problems_answer_is_read_as_strictly_as_a_completions(answer, number):
    assert reference(answer) == number


@pytest.mark.parametrize(
    "text",
    [
        "#### 42 or 43",
        "The answer is not 18.",
        r"\boxed{\sqrt{18}}",
        "#### 18k",
        "#### 5/0",
        "The answer is 12.\n#### 18 or 20",
        r"\boxed{12} and the answer is not 18",
    ],
)
def test_a_marked_answer_that_cannot_be_read_is_none_and_nothing_else_is_taken_for_it(text):
    assert final_answer(text) is None
    assert judge(text, "18", ended=True).reason == "bad format"


@settings(max_examples=60, deadline=None)
@given(value=st.fractions(max_denominator=10_000).filter(lambda v: abs(v) < 10**12))
def test_a_number_survives_being_shown(value):
    assert reference(show(value)) == value
    for form in ("#### {}", r"\boxed{{{}}}", "The answer is {}.", "so it is {} kg"):
        assert final_answer(form.format(show(value))) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(18), "18"),
        (Fraction(-5, 4), "-1.25"),
        (Fraction(1, 3), "1/3"),
        (Fraction(1, 10**6), "0.000001"),
        (Fraction(1, 10**7), "1/10000000"),
        (Fraction(0), "0"),
        (Fraction(10**30), "1" + "0" * 30),
    ],
)
def test_a_number_as_one_writes_it(value, shown):
    assert show(value) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("16 - 3 = 12", "16-3 is 13, not 12"),
        ("2*9 = $19", "2*9 is 18, not 19"),
        ("10/3 = 3.4", None),
        ("10/3 = 3.5", "10/3 is 10/3, not 3.5"),
        ("10/4=3", "10/4 is 2.5, not 3"),
        ("5 + 3 × 2 = 16", "5+3*2 is 11, not 16"),
        ("1,000 x 2 = 3,000", "1,000*2 is 2000, not 3,000"),
        ("- 5 + 3 = 4", "-5+3 is -2, not 4"),
        ("4 - 4 - 4 = 4", "4-4-4 is -4, not 4"),
        ("8 ÷ 2 = 3", "8/2 is 4, not 3"),
        ("2 * (3 + 4) = 15", "2*(3+4) is 14, not 15"),
        ("(9 * 2 = 19)", "9*2 is 18, not 19"),
        ("600 x 30 = 18 001 watts", "600*30 is 18000, not 18 001"),
        ("8 x 1 1/2 = 13 rolls", "8*1 1/2 is 12, not 13"),
        ("2 + 2 = 4, then 4 + 1 = 6", "4+1 is 5, not 6"),
        (r"$\frac{6}{2} = 4$", "6/2 is 3, not 4"),
    ],
)
def test_the_first_equation_that_does_not_hold(text, said):
    assert wrong_step(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "16 - 3 = 13",
        "5 + 3 * 2 = 11",
        "x * 5 + 3 = 18",
        "16-3=13-4=9",
        "7/2 = 3 remainder 1",
        "7/2 = 3 1/2",
        "50% * 20 = 10",
        "20 * 50% = 10",
        "3/0 = 1",
        "2 * (3 + 4) = 14",
        "n = 5",
        "a total of 5\n- 3 = three",
        "2 + 3 = 5.0",
        # right solutions of GSM8K
        "$400 000 x 3/100 = $12 000",
        "8 x 1 1/2 = 12",
        "$2.50 - $2.24 = 26 cents",
        "$1 / 2 = 50 cents",
        "1 1/2 / 1/2 = 3 episodes",
        "1 + 3 + 1/2 + 1 1/2 + 2 = 8 hours",
        "15 pages x 1/3 = 5 pages",
        "3/ 1/4 = 12 miles",
        "Nikita = (1/2) 278 + 11 = 150 points",
        "100/5 = 5A/5 or 20 = A",
        "12 x 1 and 1/4 = 15",
        "4 / 3 = 1 and 1/3",
        "(1/2) x 2 x 2 = 2",
        "8/3 = 24/Y",
        "17 000/5 = 3 400",
        "3*30 = 30 + M trees",
        "10/3=$3 and $1/3 per pizza",
        "100 / 6= 16 and (2/3)",
        "13 / 6 = 2 full cycles with a remainder of 1 hour",
        "6:00+48=6:48 PM",
        "0900-0130 = 0730 hours",
        "14, 400 / 80 = 180",
        "$100+($100*(10/100) = $110",
        "22 - 16 = 16 + x - 16",
        "x -3 + 4 = 9",
    ],
)
def test_what_holds_or_is_no_plain_equation_is_let_be(text):
    assert wrong_step(text) is None


@pytest.mark.parametrize(
    ("text", "ended", "last_number", "reason", "detail"),
    [
        ("9 * 2 = 18\n#### 18", True, True, "right", ""),
        ("#### 18.00", True, False, "right", ""),
        ("9 * 2 = 19, so 18", True, True, "right", ""),  # only the outcome is rewarded
        ("9 * 2 = 19\n#### 19", True, True, "bad arithmetic", "9*2 is 18, not 19"),
        ("9 + 2 = 11\n#### 11", True, True, "wrong answer", "the answer is 18, not 11"),
        (
            "It is 18",
            True,
            False,
            "bad format",
            r"expected an answer after `####`, in \boxed{} or after `the answer is`",
        ),
        ("It is", True, True, "bad format", "expected a number"),
        ("#### 18", False, True, "no end", "the token limit came before the end token"),
    ],
)
def test_the_verifier_says_why(text, ended, last_number, reason, detail):
    verdict = judge(text, "18", ended=ended, last_number=last_number)
    assert (verdict.reward, verdict.reason, verdict.detail) == (float(reason == "right"), reason, detail)


def test_numbers_too_long_to_be_meant_are_no_error():
    assert judge("9" * 5000, "18", ended=True).reason == "wrong answer"
    assert judge("9*" * 5000 + "9", "18", ended=True).reason == "wrong answer"
    assert judge("#### " + "9*" * 5000 + "9", "18", ended=True).reason == "bad format"
    assert judge("#### " + "(" * 5000 + "9 + 9" + ")" * 5000, "18", ended=True).reason == "right"
    assert judge("9" * 299 + ".5 * " + "9" * 299 + " = 1", "18", ended=True).reason == "bad arithmetic"


def test_an_answer_that_is_no_number_is_another_tasks():
    with pytest.raises(ValueError, match=r"prompt: expected a number as its answer, got 'so'"):
        judge("18", "so", ended=True)
