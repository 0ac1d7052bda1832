r"""The number that a worked answer in plain words ends with, and whether its arithmetic holds.

    #### 18        The answer is 18.        \boxed{18}        Answer: $1,234.50        so she makes 18 dollars

How it is read: the last mark that an answer stands behind is looked for, and what stands there has to be one number or
one formula. Where it is not, the text gives no answer: nothing is guessed from the rest.

Differs from math-verify, the field's library for this, which reads expressions too and finds an answer where it can. On
GSM8K's 8,792 solutions behind a mark both are right; math-verify takes `not 18` and `18k` for 18, `42 or 43` for 43.
The measurement, by which this page was kept, stands in `benchmarks/answers`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from trlib.tasks.task import Verdict

_CURRENCY = "[$€£¥₹]"
_DIGITS = "(?:\\d{1,3}(?:[,'’_ \u00a0\u2009\u202f]\\d{3})+(?!\\d)|\\d{1,300})"
_PLAIN = rf"(?:{_DIGITS}(?:\.\d{{1,300}})?|\.\d{{1,300}})(?:[eE][-+]?\d{{1,2}}(?!\w))?"
_MIXED = r"\d{1,300} +(?:and +)?\d{1,2}/[1-9]\d{0,2}(?!\d|[.,]\d)"
_ATOM = re.compile(rf"{_MIXED}|{_PLAIN}")
_VALUE = re.compile(
    r"(?P<sign>(?<![\w.)%])[-−–+]|(?<!\d\s)\b(?:negative|minus)\s+)?"
    rf"(?:{_CURRENCY}\s*(?P<after>[-−])?)?"
    rf"(?<![A-WYZa-wyz\d])(?:(?P<mixed>{_MIXED})|(?P<over>{_PLAIN})(?:\s*/\s*(?P<under>{_PLAIN}))?)",
    re.IGNORECASE,
)
_LATEX = (  # what LaTeX and Markdown say in plain text, and a calculator's notes <<9*2=18>> nothing
    (re.compile(r"<<[^<>\n]*>>"), ""),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"\\frac{\1}{\2}"),
    (re.compile(r"[-−]\s*\\[dt]?frac\s*\{([^{}()+*/-]*)\}\s*\{([^{}()+*/-]*)\}"), r"-\1/\2"),
    (re.compile(r"\\[dt]?frac\s*\{([^{}()+*/-]*)\}\s*\{([^{}()+*/-]*)\}"), r" \1/\2"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}"), r" \1"),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "*"),
    (re.compile(r"\\div(?![A-Za-z])"), "/"),
    (re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<![\w}])~(?=\s*(?:[$€£¥₹.-]\s*)*\d)"), "≈"),
    (re.compile(r"\\[,;:! ]|~"), ""),
    (re.compile(r"\\[()\[\]]|\*\*|__|`"), " "),
    (re.compile(r"\\([$%{}])"), r"\1"),
)
_FORMULA = (  # a formula with one sign for each operation, and nothing around it
    (re.compile(rf"{_CURRENCY}[ \t]*"), ""),
    (re.compile(r"(?:(?<=\d)|(?<![ \t])[ \t])[ \t]*[x×·][ \t]*(?=[\d.(])"), "*"),
    (re.compile("÷"), "/"),
    (re.compile("[−–]"), "-"),
    (re.compile(r"\b(?:negative|minus)\s+(?=[\d.])", re.IGNORECASE), "-"),
    (re.compile(r"(?<![ \t])(?![ \t]+[-+][\d.])[ \t]*([-+*/=])[ \t]*"), r"\1"),
)

_VERB = r"\b(?:(?:is|are|was|were)(?:n['’]t|[ ]not)?|equals|[a-z'’]+[ ](?:not[ ])?be)\b"
_MARKS = re.compile(
    rf"""
    (?P<hashes>\#{{4,}})
  | (?P<box>\\boxed\s*\{{)
  | \banswers?\b
    (?: [ ]?\([^()\n]{{0,60}}\) | ,[^.\n\d=:,]{{0,60}},
      | [ ](?:to|in|for|of|as|here|now|then|thus|therefore)\b[^.\n\d=:]{{0,60}}? )?
    [ \t*_]*(?: (?P<colon>(?:{_VERB})?[ \t*_]*[:=]) | {_VERB} )
""",
    re.IGNORECASE | re.VERBOSE,
)
_OPENING = re.compile(r"[^\w\n]*(?:(?:the|my|our)\s+)?(?:(?:final|correct)\s+)?", re.IGNORECASE)
_NUMBERED = re.compile(r"\d+[.):][ \t]+[A-Za-z]")
_SENTENCE = re.compile(r"\n|[.!?](?=\s|$)")

_START = re.compile(r"(?<![A-Za-z\d.])[-+]?\({0,20}(?P<number>[-+]?)(?=\.?\d)")
_AT_ONCE = re.compile(r"[^\w\\]*(?:[A-Za-z]=)?")
_NOT = r"n['’]t\b|\b(?:can)?not\b"
_DENIED = re.compile(
    rf"{_NOT}|\b(?:never|neither|nor|or|between|than|least|most|over|under)\b"
    r"|\b(?:about|around|approx(?:imately)?|roughly|almost|nearly|maybe|perhaps|probably|possibly)\b"
    r"|\\[A-Za-z]|[<>≤≥≠≈√^]|[\w)][-+*/]$",
    re.IGNORECASE,
)
_SCALED = r"(?:[kKMB]|\s*(?i:hundred|thousand|million|billion|trillion))\b"
_CHANGED = re.compile(rf"{_SCALED}|\s*(?:[+^²³]|\\[A-Za-z]|x(?!\w)|\*[\w(]|/\()")
_SECOND = re.compile(r"\s*\d|[^\s\d(]*\d|\D*(?:[-+*/=,;:&|~]|\b(?i:and|to|but|not))\s*\.?\d|(?=\D*\d)\D*\b(?i:or)\b")

_PERCENT = re.compile(r"\s*(?:%|per\s?cent\b)", re.IGNORECASE)
_UNIT = "[A-Za-z%/ ]{0,40}"
_OPERATION = re.compile(rf"(?P<unit>{_UNIT})(?P<sign>[-+*/])")
_EQUALS = re.compile(rf"{_UNIT}=")
_LEFT = re.compile(r"(?<![\w.,:%)/*+-])(?<![-+*/]\()(?<![\d)%] )(?<!\d, )(?:(?<![A-Za-z] )-)?\({0,20}(?!0\d)(?=\.?\d)")
_RIGHT = re.compile(
    rf"=(?P<said>-?(?:{_MIXED}|{_PLAIN}))(?!\s*\d|[.,:]\d|[A-Za-z%¢]|[-+*/]|{_SCALED}"
    r"|\s*(?:and\s*)?\(?\d+/\d|\s*(?:cents?|r|rem)\b|[^.\n]*\bremainder\b)"
)
_DEPTH = 20
"""Brackets inside each other that are read."""
_LARGEST = 10**1000
"""Formulas whose value has more digits are not read: Python would not write it."""


class _Formula(NamedTuple):
    """A formula in a text."""

    value: Fraction | None
    """None: too long, divided by 0, or by a quotient without brackets (6/1/2), which is written for both readings."""
    end: int
    operations: int
    units: bool
    """Words stand in it: 9 eggs * 2 dollars."""


def final_answer(text: str, *, last_number: bool = True, percent: bool = False) -> Fraction | None:
    r"""The number that a text gives as its answer; None where it gives none.

    A marked answer counts, the last one if there are several:

    - `#### 18`: a number follows at once. A heading is no mark: `#### Step 2: Multiply`, `#### 2. Multiply` and more
      text below it.
    - `\boxed{18}`: words may stand beside it.
    - "the answer is 18", "the answer, in dollars, should be 18", "the answer is therefore 18".
    - "answer: 18": the number follows at once, or words before it do where the line starts with "Answer" or "Final
      answer" and no number comes after the sentence. "To answer this, think:" is no mark.

    What is marked, up to the end of the sentence, has to be one number or one formula, whose value counts: 9 * 2, or
    of 9 * 2 = 18 what stands behind the equals sign. Units (7 dozen is 7), currencies and remarks behind it are passed
    over: 18 dollars for 3 days, 5, because 2 + 3 = 5. A percent sign is none of these: 18% is 18/100. After words the
    first number counts, or in a sentence with an equals sign what stands behind the last. A text gives no answer at
    all, whatever else it says, where what it marks is

    - denied: not 18, less than 18, between 18 and 20;
    - hedged: about 18, ~18, probably 18, 18?;
    - one of several: 18 or 20; 18, 20; 5 apples and 3 pears; 18-20 minutes is the formula, -2;
    - changed: 18k, 18 million, 18^2, √18, 18x, A18;
    - written in a way that is not read: 10:30, 1,23 and 1.234,56. (Number words are no numbers: they mark nothing.)

    Args:
        text: a completion.
        last_number: where nothing is marked, take the last number of the text, if it stands as it is: without a scale
            (18k), a power or ~.
        percent: per cent are asked for, so that the sign is a unit as any other: 18% is 18.
    """
    end = len(text)
    for mark in reversed(list(_MARKS.finditer(text))):
        phrase, end = _marked(text, mark, end), mark.start()
        if phrase is not None:
            return None if re.search(_NOT, mark[0], re.IGNORECASE) else _read(phrase, percent)
    plain = _replaced(text, _LATEX) if last_number else ""
    for match in reversed(list(_VALUE.finditer(plain))):
        value = _value(match)
        if value is not None:
            if plain[: match.start()].rstrip().endswith("≈") or _CHANGED.match(plain, match.end()):
                return None
            return _in_hundredths(value, plain, match.end(), percent)
    return None


def wrong_step(text: str) -> str | None:
    """The first equation of a text, such as `16 - 3 = 12`, that does not hold; None where all do.

    Formulas of plain numbers are looked at, with one number on the right. A right side with decimals may be rounded:
    it may be off by one unit of its last digit. Let be is what may be meant in another way: units inside (8 eggs * 2),
    percent, cents on the right, a remainder, 6 / 1/2, a right side that goes on, a left side that begins before.
    """
    text, at = _replaced(text, _LATEX + _FORMULA), 0
    while start := _LEFT.search(text, at):
        left = _formula(text, start.start())
        at = left.end if left else start.start() + 1
        right = _RIGHT.match(text, left.end) if left else None
        if left is None or right is None or left.value is None or left.units or not left.operations:
            continue
        said = right["said"]
        digits = len(said.partition(".")[2])
        slack = Fraction(1, 10**digits) if digits else Fraction(0)
        value = _atom(said.removeprefix("-"))
        if abs(left.value - (-value if said[0] == "-" else value)) > slack:
            return f"{text[start.start() : left.end]} is {show(left.value)}, not {said}"
    return None


def judge(text: str, answer: str, *, ended: bool, last_number: bool = True) -> Verdict:
    """Whether a completion's final answer equals `answer` as a number, and if not, why.

    Where `answer` has a percent sign, per cent are asked for: of 70% both 70% and 70 are right, and 0.7 is wrong. Of 70
    only 70 is right: 70% is another number.

    Where the answer is wrong and an equation on the way does not hold, the reason is "bad arithmetic"; where no answer
    is given, or none that can be read as one number, "bad format".
    """
    if not ended:
        return Verdict(0.0, "no end", "the token limit came before the end token")
    percent = answer.endswith("%")
    found, wanted = final_answer(text, last_number=last_number, percent=percent), reference(answer)
    if wanted is None:
        raise ValueError(f"prompt: expected a number as its answer, got {answer!r}")
    if found is None:
        how = "a number" if last_number else "an answer after `####`, in \\boxed{} or after `the answer is`"
        return Verdict(0.0, "bad format", f"expected {how}")
    if found == wanted:
        return Verdict(1.0, "right")
    step = wrong_step(text)
    if step is not None:
        return Verdict(0.0, "bad arithmetic", step)
    return Verdict(0.0, "wrong answer", f"the answer is {answer}, not {show(found)}")


def reference(answer: str) -> Fraction | None:
    """The number of an answer that a problem asks for, of 70% 70; None where a completion's would not be read."""
    return final_answer(f"#### {answer}", last_number=False, percent=True)


def show(value: Fraction) -> str:
    """A number as one writes it: whole, with decimals where six are enough, else as a fraction."""
    millionths = value * 10**6
    if millionths.denominator != 1:
        return str(value)
    whole, rest = divmod(abs(millionths.numerator), 10**6)
    digits = f"{whole}.{rest:06}".rstrip("0").rstrip(".")
    return f"-{digits}" if value < 0 else digits


def _marked(text: str, mark: re.Match[str], end: int) -> str | None:
    """What a mark points at, before the place `end`, as plain text: a box's inside, else the rest of the sentence.

    None where the mark is none of an answer.
    """
    if mark["box"]:
        inside = _replaced(_inside(text[mark.end() : end]), _LATEX + _FORMULA)
        return inside if re.search(r"\d", inside) else None
    rest = text[mark.end() : end].lstrip(" \t:=*_")
    same_line = not rest.startswith(("\n", "\r"))
    if not same_line:
        rest = re.sub(r"\A[\s*_]*(?:[-•]\s+)?", "", rest)
    sentence = _SENTENCE.split(rest, maxsplit=1)[0]
    phrase = _replaced(sentence + rest[len(sentence) : len(sentence) + 1].strip(".!\n"), _LATEX + _FORMULA)
    if not re.search(r"\d", phrase):
        return None
    number = _START.search(phrase)
    lead = phrase[: number.start()] if number else phrase
    if _AT_ONCE.fullmatch(lead):
        heading = mark["hashes"] and _NUMBERED.match(rest) and (rest + text[end:]).partition("\n")[2].strip()
        return None if heading else phrase
    if mark["hashes"] or not same_line:
        return None
    if mark["colon"]:
        line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
        last = not re.search(r"\d", rest[len(sentence) :] + text[end:])
        return phrase if last and _OPENING.fullmatch(line) else None
    return None if ":" in lead else phrase


def _inside(text: str) -> str:
    """What stands before the brace that closes a box."""
    depth = 1
    for brace in re.finditer("[{}]", text):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[: brace.start()]
    return text


def _read(phrase: str, percent: bool) -> Fraction | None:
    """The one number or formula of a phrase; None where it is denied, hedged, changed or not alone."""
    if phrase.rstrip().endswith("?"):
        return None
    begin, start = 0, _START.search(phrase)
    if start and not _AT_ONCE.fullmatch(phrase[: start.start()]):  # a sentence that ends in an equation: its result
        begin = phrase.rfind("=") + 1
        start = _START.search(phrase, begin) or start
    if start is None or _DENIED.search(phrase[begin : start.start()]):
        return None
    said = _formula(phrase, start.start()) or _formula(phrase, start.start("number"))
    while said and (equals := _EQUALS.match(phrase, said.end)) and (right := _formula(phrase, equals.end())):
        said = right
    if said is None or said.units or _CHANGED.match(phrase, said.end) or _SECOND.match(phrase, said.end):
        return None
    return None if said.value is None else _in_hundredths(said.value, phrase, said.end, percent)


def _in_hundredths(value: Fraction, text: str, end: int, percent: bool) -> Fraction:
    """A number that ends at a place of a text: 18% is 18/100, unless per cent are asked for."""
    return value / 100 if not percent and _PERCENT.match(text, end) else value


def _formula(text: str, at: int, depth: int = 0) -> _Formula | None:
    """The longest formula that starts at a place of a text, products before sums; None where none does."""
    first = _factor(text, at, depth)
    if first is None:
        return None
    total, term, end, operations, units = Fraction(0), first.value, first.end, first.operations, first.units
    before = ""
    while (operation := _OPERATION.match(text, end)) and (factor := _factor(text, operation.end(), depth)):
        sign, value = operation["sign"], factor.value
        if term is None or value is None or (sign == "/" and (before == "/" or value == 0)):
            term = None
        elif sign == "*":
            term *= value
        elif sign == "/":
            term /= value
        else:
            total, term = total + term, -value if sign == "-" else value
        if max(abs(part) for number in (total, term or 0) for part in number.as_integer_ratio()) > _LARGEST:
            term = None
        before, end, operations = sign, factor.end, operations + factor.operations + 1
        units = units or factor.units or bool(operation["unit"].strip())
    return _Formula(None if term is None else total + term, end, operations, units)


def _factor(text: str, at: int, depth: int) -> _Formula | None:
    """A number or a formula in brackets, with its sign."""
    sign = text[at : at + 1]
    at += sign in ("-", "+")
    found = None
    if text[at : at + 1] == "(" and depth < _DEPTH:
        inner = _formula(text, at + 1, depth + 1)
        if inner and text[inner.end : inner.end + 1] == ")":
            found = inner._replace(end=inner.end + 1)
    elif atom := _ATOM.match(text, at):
        found = _Formula(_atom(atom[0]), atom.end(), 0, False)
    if found and found.value is not None and sign == "-":
        found = found._replace(value=-found.value)
    return found


def _replaced(text: str, pairs: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, plain in pairs:
        text = pattern.sub(plain, text)
    return text


def _value(match: re.Match[str]) -> Fraction | None:
    value, under = _atom(match["mixed"] or match["over"]), match["under"]
    if under:
        if _atom(under) == 0:
            return None
        value /= _atom(under)
    return -value if (match["sign"] or "+").strip() != "+" or match["after"] else value


def _atom(text: str) -> Fraction:
    """A number without a sign, mixed ones too: 1,234.50, 12 000, 4.2e1, 1 1/2."""
    if "/" in text:
        whole, over, under = (int(digits) for digits in re.findall(r"\d+", text))
        return whole + Fraction(over, under)
    return Fraction(re.sub(r"[,'’_\s]", "", text))
