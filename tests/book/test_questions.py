"""Twenty-eight questions: each opens with its answer, and what its lines print is what the answer
says."""

import re
from pathlib import Path

import pytest

from book.build.ext import quoted
from book.build.printed import RUNS, printed

BOOK = Path(__file__).parents[2] / "book"
PAGE = (BOOK / "questions.md").read_text(encoding="utf-8")
SECTIONS = {
    int(number): text for number, text in re.findall(r"(?ms)^## (\d+)\. (.*?)(?=^## |\Z)", PAGE)
}
CODE = {number: found for number, text in SECTIONS.items() for found in RUNS.findall(text)}
"""Each question's code, and what its source says that it prints."""
NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def numbers(line):
    """The numbers of a printed line, per cent as shares."""
    return [
        float(n.rstrip("%")) / (100 if n.endswith("%") else 1)
        for n in re.findall(r"-?\d+\.\d+%?", line)
    ]


@pytest.fixture(scope="module")
def lines():
    """What each question's code prints, line by line."""
    return {number: printed(code).splitlines() for number, (code, _) in CODE.items()}


def alike(stored, now):
    """Whether two outputs have the same words, and numbers that rounding could make of each other."""
    words, numbers = (
        [find(text) for text in (stored, now)]
        for find in (lambda text: NUMBER.sub("#", text).split(), NUMBER.findall)
    )
    first, second = ([float(n.replace("−", "-")) for n in found] for found in numbers)
    return words[0] == words[1] and second == pytest.approx(first, rel=0.1, abs=0.02)


def test_the_source_shows_what_the_lines_print(lines):
    """`python -m book.build.printed` writes it."""
    for number, (_, stored) in CODE.items():
        assert alike(stored, "\n".join(lines[number])), f"question {number}"
    ((code, stored),) = RUNS.findall((BOOK / "purpose.md").read_text(encoding="utf-8"))
    assert printed(code) == stored.rstrip("\n"), "purpose: of recorded runs"
    assert not alike("a 0.50", "a 0.60") and not alike("a 1", "b 1") and alike("a 100", "a  101")


def test_every_number_has_at_least_as_many_seeds_as_the_page_names():
    quotes = [asked for asked, _ in quoted.FILLED.findall(PAGE)]
    seeds = {quoted.part(quoted.parse(text), whole=False)["seed"].nunique() for text in quotes}
    assert "at least <!--rec corrected none seeds-->8<!--/rec--> seeds" in PAGE
    assert min(seeds) == 8 and quoted.shown("corrected none seeds") == "8"


def test_the_lines_print_what_the_answers_say(lines):
    clipped, ratio, loss, gradient = numbers(lines[1][1])
    assert (clipped, ratio, loss) == (0, 1, 0) and gradient > 0.5
    assert numbers(lines[1][2])[0] > 0.05, "used twice, the clip begins to matter"
    outside = [numbers(line)[-2] for line in lines[2][1:]]
    assert min(outside[:3]) > max(outside[4:]) == 0, (
        "rare tokens leave the window, likely ones do not"
    )
    up = [numbers(line)[-1] for line in lines[3] if "pushed" in line]
    assert up[0::2] == pytest.approx([0.012, 0.01, 0.16, 0.078], abs=1e-3)
    once, twice = (numbers(line)[0] for line in lines[5])
    assert abs(once - 1) < 0.01 < 0.03 < twice - 1
    processed, rounded, raw = (numbers(line)[1 if "at 0.7" in line else 0] for line in lines[6])
    assert processed < 1e-4 < rounded < raw / 5
    bare, cut, masked = (numbers(line) for line in lines[7][1:])
    assert bare[1] > 4 and cut[1] <= 2 and masked[1] <= 2 and masked[0] < cut[0] < bare[0]
    own, replayed = (numbers(line) for line in lines[10][1:])
    assert own[2] > 2 and own[3] > 0 and replayed[0] == replayed[3] == 0 and replayed[2] < 1.1
    backward, forward, k1, k2, k3 = (numbers(line)[1:] for line in lines[11][1:])
    assert k1 == [0, 0, 0] and k2 == backward and k3 == forward != backward
    left = [[float(x) for x in line.split()] for line in lines[16][1:]]
    assert left[0][2] > 0.99 and left[-1][1] > 1 > 0.7 > left[-1][2] and left[-1][3] < 0.05
    for line in lines[17]:
        ratio, kept = numbers(line)[-2:]
        assert abs(ratio - kept) < 0.002
    errors = [int(re.search(r"(\d+)%", line)[1]) for line in lines[18][1:]]
    assert errors == sorted(errors) and errors[0] < 5 and errors[-1] > 100
    assert "[4, 6]" in lines[19][0] and "[7]" in lines[19][1]
    assert (
        lines[20][0].count("nan") == 3
        and lines[20][1].count("nan") == 2
        and "nan" not in lines[20][2]
    )
    assert lines[20][3].endswith(" 0")
    dead = [numbers(line) for line in lines[21][1:]]
    assert dead[1][2] == dead[3][2] < 0.2 < 0.85 < dead[0][2] == dead[4][2]
    say = {line.split()[0]: numbers(line) for line in lines[22][1:]}
    assert say.pop("seq-mean-token-mean") == [1.0, 0.25, 0.06] and set(
        map(tuple, say.values())
    ) == {(1.0, 1.0, 1.0)}
    before, after = (numbers(line) for line in lines[23][1:])
    assert after[0] < 0.8 * before[0] and abs(after[2] / before[2] - 1) < 0.1
    assert [line.split()[-1] for line in lines[24][:3]] == ["11", "89", "89"]
    assert (
        lines[24][3].count("nan") == 2
        and lines[24][4].count("nan") == 1
        and "nan" not in lines[24][5]
    )
    bf16, int8, int4, forgotten, late = (float(line.split()[-1]) for line in lines[25])
    assert min(bf16, int8) > 0.999 and min(int4, forgotten) > 0.99 and late < 0
    most = [numbers(line)[-1] for line in lines[26][1:]]
    assert [line.split()[3] for line in lines[26][1:]] == ["1", "4", "1", "1"]
    assert most[0] == most[2] == most[3] == 1 < most[1]
    right, early = (numbers(line) for line in lines[27])
    assert max(right) < 1e-3 < 0.01 < early[0] and early[1] > 0.2
    assert [numbers(line) for line in lines[28]] == [[0.05, 0.05], [0.031, 0.125]]
    assert lines[15][0] == "differs" and "differentiates the bounded weight" in lines[15][1]
