r"""The number that a worked answer in plain words ends with, and whether the arithmetic on the way
holds.

    #### 18        The answer is 18.        \boxed{18}        Answer: $1,234.50
        so she makes 18 dollars

Differs from the graders of lm-eval and verl, which take the first number after `####`, or the last
of the text, and from math-verify, which looks for an answer until it finds one. From
`#### 42 or 43`, `The answer is not 18` and `#### 18k` all of these take a number; here they are not
answers. A policy that is rewarded for 18 would learn to write them. math-verify also reads
expressions; a task whose answers are expressions should call it."""

import re
from collections.abc import Callable
from fractions import Fraction
from operator import add, mul, sub, truediv

from trlib.tasks.task import NO_END, Verdict

CLEANING = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        (r"<<[^<>\n]*>>", ""),  # GSM8K's notes for a calculator: 9 * 2 = <<9*2=18>>18
        (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2"),
        (r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}", r" \1"),
        (r"\{,\}", ","),
        (r"\\[,;:!() \[\]]|\*\*|`", " "),
        (r"\\([$%])", r"\1"),
        (r"\\(?:times|cdot)(?![a-z])", "*"),
        (r"(?<!\d\s)\b(?:negative|minus)\s+(?=[$.\d])", "-"),
    )
)
"""What LaTeX, Markdown and words become in plain text."""
NUMBER = re.compile(
    r"(?P<minus>(?<![\w)%])[-−])?(?:[$€£¥₹]\s*(?P<after>[-−])?)?(?<![A-Za-z\d.])"
    r"(?P<digits>(?:\d{1,3}(?:[, \u00a0\u202f]\d{3})+(?!\d)|\d{1,300})(?:\.\d{1,300})?|\.\d{1,300})"
    r"(?:/(?P<under>\d{1,300}))?"
)
MARK = re.compile(
    r"""
    (?P<hashes>\#{4,})
  | (?P<box>\\boxed\s*\{)
  | \banswers?\b (?: ,[^.\n\d=:]{0,60}, | \s(?:to|in|for|of|here|then|thus|therefore)\b[^.\n\d=:]{0,60}? )?
    (?: \s?(?P<colon>[:=]) | \s(?:[a-z'’]+\s(?:not\s)?)? (?:is|are|was|were|be|equals)(?:n['’]t)?\b )
    [\s:=]*
""",
    re.IGNORECASE | re.VERBOSE,
)
"""What comes before an answer."""
AT_ONCE = re.compile(r"[^\w\\]*(?:[A-Za-z]\s?=\s?)?")
"""Only signs and the name of an unknown may come before the number."""
HEADING = re.compile(r"\s*\d+[.):]\s+[A-Za-z][^\n]*\n\s*\S")
"""`#### 2. Multiply` with more below it, or the first point of a list, is not an answer."""
NOT = re.compile(r"n['’]t\b|\b(?:can)?not\b", re.IGNORECASE)
DOUBT = re.compile(
    rf"{NOT.pattern}|\b(?:never|neither|nor|or|between|than|least|most|over|under|about|around|approximately"
    r"|roughly|almost|nearly|maybe|perhaps|probably|possibly)\b|[~≈≠<>≤≥√^]|\\[A-Za-z]|[\w)]\s*[-+*/]$|[-−*/]\s+$",
    re.IGNORECASE,
)
"""What denies or hedges the number that follows it."""
RESULT = re.compile(r"(?:(?:[^=,;]|,(?=\d))*=\s*)+(?=[-−$€£¥₹]{0,2}\.?\d)")
"""From a number to the last equals sign of its equation."""
CHANGED = re.compile(
    r"[kKMB]\b|x\b|[eE]?[-+]?\d|\.\d|\s*(?:hundred|thousand|million|billion|trillion)\b|\s*[+^²³√~]|\s*\\[A-Za-z]"
    r"|\s*[-–*/×÷:,;&|]\s*[$(]?\.?\d|\s+[$]?\d|\s*\*\s*[a-z(]|[^\d(]*\b(?:and|to|but|not)\s+\$?\.?\d|[^\d(]*\bor\b[^\d(]*\d"
)
"""What, after a number, makes it a different one, or one of several."""
PERCENT = re.compile(r"\s*(?:%|per\s?cent\b)", re.IGNORECASE)
STEP = re.compile(
    r"(?<![\w.,:^%)/*+–−-])(?<![\d)%*/+–−x×-] )(?<!\d, )(?<!and )(?<!of )(?!0\d)"
    r"(?P<left>\d{1,30}(?:\.\d{1,30})?) ?(?P<sign>[-−+*/x×÷]) ?(?P<right>\d{1,30}(?:\.\d{1,30})?) "
    r"?= ?"
    r"(?P<result>-?\d{1,30}(?:\.\d{1,30})?)"
    r"(?![.,:]?\d|[A-Za-z%]| ?[-+*/]| \(?\d| ?(?:and|cents?|r|rem)\b|[^.\n]*\bremainder)"
)
"""A sum, difference, product or quotient of two plain numbers and its result, not part of a longer
expression."""
OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    **dict.fromkeys("+", add),
    **dict.fromkeys("-−", sub),
    **dict.fromkeys("*x×", mul),
    **dict.fromkeys("/÷", truediv),
}


def final_answer(text: str, *, last_number: bool = True, percent: bool = False) -> Fraction | None:
    r"""The number that a text gives as its answer; None if it gives none.

    The last marked answer counts: `#### 18`, `\boxed{18}`, "the answer is 18", "answer: 18". After
    `####` or a colon the number must follow at once; `#### Step 2: Multiply` is a heading. In an
    equation the result counts: 9 * 2 = 18. Currency signs, commas between thousands, units and
    remarks are passed over: $1,234.50; 18 dollars a day.

    A marked number is not an answer, and no other replaces it, if it is denied (not 18, less than
    18), hedged (about 18, ~18, 18?), one of several (18 or 20; 18-20; 5 apples and 3 pears), a
    formula without its result (9 * 2) or scaled (18k, 18 million, 18^2).

    Args:
        text: a completion.
        last_number: if nothing is marked, take the last number of the text.
        percent: a percentage is expected, so the sign is a unit: 18% is 18 and not 18/100."""
    text = _cleaned(text)
    for mark in reversed(list(MARK.finditer(text))):
        rest = text[mark.end() :]
        phrase = (
            rest.partition("}")[0]
            if mark["box"]
            else re.split(r"\n|[.!](?=\s|$)", rest.lstrip(), maxsplit=1)[0]
        )
        number = NUMBER.search(phrase)
        if number is None:
            continue
        lead = phrase[: number.start()]
        if not mark["box"] and (":" in lead or HEADING.match(rest)):
            continue
        if (mark["hashes"] or mark["colon"]) and not AT_ONCE.fullmatch(lead):
            continue
        if DOUBT.search(lead) or NOT.search(mark[0]) or "?" in phrase:
            return None
        if result := RESULT.match(phrase, number.end()):
            number = NUMBER.match(phrase, result.end()) or number
        return _value(number, percent)
    numbers = list(NUMBER.finditer(text)) if last_number else []
    if not numbers or text[: numbers[-1].start()].rstrip().endswith(("~", "≈")):
        return None
    return _value(numbers[-1], percent)


def wrong_step(text: str) -> str | None:
    """The first step of a text that does not hold, such as `16 - 3 = 12`; None if all hold.

    A step is one operation on two plain numbers. A result with decimals may be rounded: off by one
    unit of its last digit. What may mean something else passes: units inside (8 eggs * 2), percent,
    remainders, sides that continue."""
    for step in STEP.finditer(re.sub(r"[$€£¥₹]\s*|(?<=\d),(?=\d{3}\b)", "", _cleaned(text))):
        left, right, result = (Fraction(step[name]) for name in ("left", "right", "result"))
        if step["sign"] in "/÷" and right == 0:
            continue
        value = OPERATIONS[step["sign"]](left, right)
        decimals = len(step["result"].partition(".")[2])
        if abs(value - result) > (Fraction(1, 10**decimals) if decimals else 0):
            return (
                f"{step['left']} {step['sign']} {step['right']} is {show(value)}, not "
                f"{step['result']}"
            )
    return None


def judge(text: str, answer: str, *, ended: bool, last_number: bool = True) -> Verdict:
    """Whether a completion's final answer equals `answer` as a number, and if not, why.

    If `answer` has a percent sign, a percentage is expected: for 70% both 70% and 70 are right, and
    0.7 is wrong. For 70 only 70 is right: 70% is a different number.

    A wrong answer after an equation that does not hold is "bad arithmetic"; no answer is "bad
    format".
    Raises ValueError: `answer` is not a number."""
    if not ended:
        return NO_END
    wanted = reference(answer)
    if wanted is None:
        raise ValueError(f"prompt: expected a number as its answer, got {answer!r}")
    value = final_answer(text, last_number=last_number, percent=answer.endswith("%"))
    if value is None:
        how = (
            "a number"
            if last_number
            else "an answer after `####`, in \\boxed{} or after `the answer is`"
        )
        return Verdict(0.0, "bad format", f"expected {how}")
    if value == wanted:
        return Verdict(1.0, "right")
    step = wrong_step(text)
    if step is not None:
        return Verdict(0.0, "bad arithmetic", step)
    return Verdict(0.0, "wrong answer", f"the answer is {answer}, not {show(value)}")


def reference(answer: str) -> Fraction | None:
    """The number in a problem's own answer (70 for 70%), read as strictly as a completion's."""
    return final_answer(f"#### {answer}", last_number=False, percent=True)


def show(value: Fraction) -> str:
    """A number as one would write it: with decimals if six are enough, else as a fraction."""
    if (value * 10**6).denominator != 1:
        return str(value)
    whole, rest = divmod(abs(value) * 10**6, 10**6)
    return ("-" if value < 0 else "") + f"{whole}.{int(rest):06}".rstrip("0").rstrip(".")


def _cleaned(text: str) -> str:
    for pattern, plain in CLEANING:
        text = pattern.sub(plain, text)
    return text


def _value(number: re.Match[str], percent: bool) -> Fraction | None:
    """The value of a number, given the text after it; None if that text changes the number, or
    divides it by 0."""
    if CHANGED.match(number.string, number.end()) or (
        number["under"] and int(number["under"]) == 0
    ):
        return None
    value = Fraction(re.sub(r"[^\d.]", "", number["digits"])) / int(number["under"] or 1)
    if number["minus"] or number["after"]:
        value = -value
    return value / 100 if not percent and PERCENT.match(number.string, number.end()) else value
