r"""The number that a worked answer in plain words ends with, and whether its arithmetic holds.

    #### 18        The answer is 18.        \boxed{18}        Answer: $1,234.50        so she makes 18 dollars
"""

from __future__ import annotations

import re
from fractions import Fraction

from trlib.tasks.task import Verdict

_INTEGER = r"\d{1,3}(?:,\d{3})+(?!\d)|\d{1,300}"
_PLAIN = rf"(?:(?:{_INTEGER})(?:\.\d{{1,300}})?|\.\d{{1,300}})"
_VALUE = re.compile(rf"(?P<sign>(?<![\w.)%])[-−–+])?(?:[$€£¥]\s*(?P<after>[-−])?)?"
                    rf"(?:(?P<whole>\d{{1,300}})[ ]+(?=\d+/\d))?(?P<number>{_PLAIN}(?:\s*/\s*{_PLAIN})?)")
_MARKS = re.compile(r"####|(?P<box>\\boxed\s*\{)|\banswers?\b[^.\n\d=:]{0,60}?(?:\bis\b|\bare\b|:|=)", re.IGNORECASE)
_SENTENCE = re.compile(r"\n|[.!?](?=\s|$)")
_EQUATION = re.compile(rf"(?<![\w.,%)/*+-])(?P<left>-?{_PLAIN}(?:[-+*/]{_PLAIN})+)=(?P<right>-?{_PLAIN})"
                       r"(?![\d%]|[.,]\d|[-+*/]\d|\s*r(?:em|\b)|\s+\d+/\d)", re.IGNORECASE)
_FORMULA = (  # a formula with one sign for each operation, and nothing around it
    (re.compile(r"[$€£¥]"), ""),
    (re.compile(r"(?<=\d)[ \t]*[x×][ \t]*(?=[\d.])"), "*"),
    (re.compile("÷"), "/"),
    (re.compile("[−–]"), "-"),
    (re.compile(r"[ \t]*([-+*/=])[ \t]*"), r"\1"),
)
_LATEX = (  # what a formula in LaTeX says in plain text
    (re.compile(r"[-−]\s*\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"-\1/\2"),
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r" \1/\2"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}"), r" \1"),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "*"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,;:! ]|~"), ""),
    (re.compile(r"\\([$%{}])"), r"\1"),
)


def numbers(text: str) -> list[Fraction]:
    """Every number of a text: 18, -3, $1,234.50, .5, 3/4, 1 1/2; 18% is 18, and a number divided by 0 is none."""
    return [value for match in _VALUE.finditer(_replaced(text, _LATEX)) if (value := _value(match)) is not None]


def final_answer(text: str, *, last_number: bool = True) -> Fraction | None:
    r"""The number that a text gives as its answer; None where it gives none.

    A marked answer counts, the last one if there are several: after `####`, in `\boxed{}`, after "the answer is" or
    "answer:". Of what is marked, up to the end of the sentence, the first number counts, or the first one after the
    last equals sign. Units, currencies and percent signs around it are passed over.

    Args:
        text: a completion.
        last_number: where nothing is marked, take the last number of the text.
    """
    for mark in reversed(list(_MARKS.finditer(text))):
        found = numbers(_marked(text, mark).rsplit("=", 1)[-1])
        if found:
            return found[0]
    found = numbers(text) if last_number else []
    return found[-1] if found else None


def wrong_step(text: str) -> str | None:
    """The first equation of a text, such as `16 - 3 = 12`, that does not hold; None where all do.

    Sums, differences, products and quotients of plain numbers are looked at. A right side with decimals may be
    rounded: it may be off by one unit of its last digit.
    """
    for match in _EQUATION.finditer(_replaced(text, _LATEX + _FORMULA)):
        value, said = _evaluate(match["left"]), _plain(match["right"])
        digits = len(match["right"].partition(".")[2])
        slack = Fraction(1, 10**digits) if digits else Fraction(0)
        if value is not None and abs(value - said) > slack:
            return f"{match['left']} is {show(value)}, not {match['right']}"
    return None


def judge(text: str, answer: str, *, ended: bool, last_number: bool = True) -> Verdict:
    """Whether a completion's final answer equals `answer` as a number, and if not, why.

    Where the answer is wrong and an equation on the way does not hold, the reason is "bad arithmetic"; where no
    answer is given, "bad format".
    """
    if not ended:
        return Verdict(0.0, "no end", "the token limit came before the end token")
    found, wanted = final_answer(text, last_number=last_number), numbers(answer)
    if len(wanted) != 1:
        raise ValueError(f"prompt: expected a number as its answer, got {answer!r}")
    if found is None:
        how = "a number" if last_number else "an answer after `####`, in \\boxed{} or after `the answer is`"
        return Verdict(0.0, "bad format", f"expected {how}")
    if found == wanted[0]:
        return Verdict(1.0, "right")
    step = wrong_step(text)
    if step is not None:
        return Verdict(0.0, "bad arithmetic", step)
    return Verdict(0.0, "wrong answer", f"the answer is {answer}, not {show(found)}")


def show(value: Fraction) -> str:
    """A number as one writes it: whole, with decimals where six are enough, else as a fraction."""
    millionths = value * 10**6
    if millionths.denominator != 1:
        return str(value)
    whole, rest = divmod(abs(millionths.numerator), 10**6)
    digits = f"{whole}.{rest:06}".rstrip("0").rstrip(".")
    return f"-{digits}" if value < 0 else digits


def _marked(text: str, mark: re.Match[str]) -> str:
    """What a mark points at: a box's inside, else the rest of the sentence."""
    rest = text[mark.end():]
    if mark["box"]:
        depth = 1
        for i, letter in enumerate(rest):
            depth += (letter == "{") - (letter == "}")
            if depth == 0:
                return rest[:i]
        return rest
    rest = rest.lstrip(" \t\r\n:=*")
    end = _SENTENCE.search(rest)
    return rest if end is None else rest[:end.start()]


def _replaced(text: str, pairs: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, plain in pairs:
        text = pattern.sub(plain, text)
    return text


def _value(match: re.Match[str]) -> Fraction | None:
    over, _, under = match["number"].partition("/")
    if under and _plain(under) == 0:
        return None
    value = _plain(over) / (_plain(under) if under else 1) + int(match["whole"] or 0)
    return -value if match["sign"] in ("-", "−", "–") or match["after"] else value


def _plain(text: str) -> Fraction:
    return Fraction(text.strip().replace(",", ""))


def _evaluate(formula: str) -> Fraction | None:
    """The value of a chain of numbers and operations, products before sums; None for a division by 0."""
    total, term = Fraction(0), Fraction(0)
    for sign, digits in re.findall(rf"([-+*/]?)({_PLAIN})", formula):
        number = _plain(digits)
        if sign == "*":
            term *= number
        elif sign == "/":
            if number == 0:
                return None
            term /= number
        else:
            total, term = total + term, -number if sign == "-" else number
    return total + term
