"""Hidden tests of the five assignments, with points: kept by the teacher.

    python -m trbook.assignments.hidden ada.py ben.py [--seed 7] [--csv points.csv]

Each student's file is run as Python: read it first, or run this where that does no harm. A test
that fails says what it asked for; whatever a student's code raises is a test that failed.
"""

from __future__ import annotations

import argparse
import csv
import runpy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trbook.assignments import solutions
from trlab.record import read
from trlab.texts import texts_of

Draw = torch.Generator
Answer = Callable[..., Any]


class Off(Exception):
    """An answer is not what was asked for."""


@dataclass(frozen=True)
class Test:
    """One hidden test."""

    assignment: str
    """The function that is tested."""
    asks: str
    points: int
    run: Callable[[Answer, Draw], None]
    """Raises `Off`, or whatever the answer raises."""


@dataclass(frozen=True)
class Result:
    """What became of a test."""

    test: Test
    points: int
    says: str
    """Why not; empty: passed."""


TESTS: list[Test] = []


def worth(points: int, assignment: str, asks: str) -> Callable[[Any], Any]:
    """Makes a function a hidden test."""

    def keep(run: Callable[[Answer, Draw], None]) -> Callable[[Answer, Draw], None]:
        TESTS.append(Test(assignment, asks, points, run))
        return run

    return keep


def normal(draw: Draw, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def same(found: Any, wanted: Any, within: float = 1e-6) -> None:
    """Raises `Off` unless the two are the same numbers in the same shape."""
    found, wanted = (torch.as_tensor(x, dtype=torch.float64).detach() for x in (found, wanted))
    if found.shape != wanted.shape:
        raise Off(f"expected the shape {list(wanted.shape)}, got {list(found.shape)}")
    if not torch.allclose(found, wanted, rtol=within, atol=within):
        place = int((found - wanted).abs().nan_to_num(nan=1e300).argmax())
        raise Off(
            f"expected {float(wanted.flatten()[place]):.6g}, got "
            f"{float(found.flatten()[place]):.6g}"
        )


@worth(2, "advantages", "groups of different sizes that are not adjacent")
def _(answer: Answer, draw: Draw) -> None:
    group = torch.tensor([0, 1, 0, 1, 1, 0, 2, 2])
    rewards = normal(draw, 8)
    same(answer(rewards, group), solutions.advantages(rewards, group))


@worth(1, "advantages", "a group that agrees has advantages of exactly 0")
def _(answer: Answer, draw: Draw) -> None:
    rewards = torch.tensor([0.1, 0.1, 0.1, 0.0, 1.0], dtype=torch.float64)
    found = answer(rewards, torch.tensor([0, 0, 0, 1, 1]))
    if not (found[:3] == 0).all():
        raise Off(f"expected 0, 0, 0, got {found[:3].tolist()}")


@worth(1, "advantages", "divides by the deviation with divisor G - 1")
def _(answer: Answer, draw: Draw) -> None:
    rewards = torch.tensor([1.0, 0.0], dtype=torch.float64)
    same(answer(rewards, torch.tensor([0, 0])), [0.5**0.5, -(0.5**0.5)], 1e-5)


def _tokens(draw: Draw) -> dict[str, Any]:
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
    old = -3 - normal(draw, 3, 4).abs()
    logp = old + 0.5 * normal(draw, 3, 4).clamp(max=4)
    logp[0, 0], logp[1, 0] = old[0, 0] + 1, old[1, 0] - 1
    advantages = normal(draw, 3, 1).expand(3, 4).clone()
    advantages[0], advantages[1] = 1.0, -1.0
    return {
        "logp": logp.requires_grad_(),
        "old": old,
        "advantages": advantages,
        "mask": mask,
        "low": 0.2,
        "high": 0.28,
    }


@worth(2, "clipped_loss", "the value, with a window that is wider above")
def _(answer: Answer, draw: Draw) -> None:
    given = _tokens(draw)
    same(answer(**given), solutions.clipped_loss(**given))


@worth(1, "clipped_loss", "the gradient: silent outwards, alive on the way back")
def _(answer: Answer, draw: Draw) -> None:
    given = _tokens(draw)
    slopes = [
        torch.autograd.grad(function(**given), given["logp"])[0]
        for function in (answer, solutions.clipped_loss)
    ]
    same(*slopes)


@worth(1, "clipped_loss", "what is masked may be NaN")
def _(answer: Answer, draw: Draw) -> None:
    given = _tokens(draw)
    wanted = solutions.clipped_loss(**given)
    old = given["old"].masked_fill(~given["mask"], torch.nan)
    same(answer(**{**given, "old": old}), wanted)


def _policies(draw: Draw) -> tuple[Tensor, Tensor]:
    q = normal(draw, 6)
    return (q + 2 * normal(draw, 6)).log_softmax(-1), q.log_softmax(-1)


@worth(2, "nearest", "a policy outside comes to the edge, on the way from q")
def _(answer: Answer, draw: Draw) -> None:
    new, q = _policies(draw)
    same(answer(new, q, 0.05), solutions.nearest(new, q, 0.05), 1e-4)


@worth(1, "nearest", "a policy inside stays as it is")
def _(answer: Answer, draw: Draw) -> None:
    new, q = _policies(draw)
    same(answer(new, q, 50.0), new, 1e-9)


@worth(1, "nearest", "the probabilities sum to 1, and the KL is KL(π ‖ q)")
def _(answer: Answer, draw: Draw) -> None:
    new, q = _policies(draw)
    p = answer(new, q, 0.2)
    same(p.exp().sum(), 1.0)
    same((p.exp() * (p - q)).sum(), 0.2, 2e-6)


@worth(2, "p_value", "six runs each; seeds pair nothing")
def _(answer: Answer, draw: Draw) -> None:
    a = normal(draw, 6)
    b = a + 0.4 * normal(draw, 6) - 0.5
    same(answer(a, b), solutions.p_value(a, b))


@worth(1, "p_value", "three runs above three: 2 of 20 ways, whichever is above")
def _(answer: Answer, draw: Draw) -> None:
    low, high = torch.zeros(3, dtype=torch.float64), normal(draw, 3).abs() + 0.1
    same([answer(high, low), answer(low, high)], [0.1, 0.1])


@worth(1, "p_value", "ties count, and no difference at all is 1")
def _(answer: Answer, draw: Draw) -> None:
    one = torch.ones(4, dtype=torch.float64)
    three = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    same([answer(one, one), answer(three, 0 * one)], [1.0, 10 / 70])


@worth(1, "sums", "by hand")
def _(answer: Answer, draw: Draw) -> None:
    for text, wanted in (
        ("21 + 37 = 58, 58 + 33 = 81. Answer 81", (1, 2)),
        ("No integer. 26 * 2 = 52.", (0, 0)),
    ):
        same(answer(text), wanted)


@worth(1, "sums", "more than two numbers, and no spaces")
def _(answer: Answer, draw: Draw) -> None:
    a, b, c = (int(x) for x in torch.randint(10, 99, (3,), generator=draw))
    same(answer(f"{a}+{b} + {c}={a + b + c}, so {a} + {b} = {a + b + 1}"), (1, 2))


@worth(2, "sums", "every answer that SmolLM2 wrote in the three runs")
def _(answer: Answer, draw: Draw) -> None:
    runs = read("real_words")[1]
    for i in range(len(runs)):
        for batch, written in texts_of(runs.iloc[i]).items():
            for one in written:
                try:
                    same(answer(one.text), solutions.sums(one.text))
                except Off as off:
                    raise Off(f"batch {batch}, {one.text.strip()!r}: {off}") from off


ASSIGNMENTS = tuple(dict.fromkeys(test.assignment for test in TESTS))


def grade(answers: Mapping[str, Any], seed: int = 0) -> list[Result]:
    """What became of every test.

    Args:
        answers: functions by the name of their assignment; one that is missing has no points.
        seed: of the drawn numbers.
    """
    results = []
    for number, test in enumerate(TESTS):
        draw = torch.Generator().manual_seed(1000 * seed + number)
        try:
            test.run(answers[test.assignment], draw)
        except KeyboardInterrupt:
            raise
        except KeyError as error:
            results.append(Result(test, 0, f"no function {error}"))
        except BaseException as error:  # a student's code may raise anything, SystemExit too
            results.append(Result(test, 0, f"{type(error).__name__}: {error}"[:200]))
        else:
            results.append(Result(test, test.points, ""))
    return results


def report(results: list[Result]) -> str:
    """The points, a line for each test."""
    lines = []
    for name in ASSIGNMENTS:
        own = [one for one in results if one.test.assignment == name]
        lines.append(
            f"{name}: {sum(one.points for one in own)} of {sum(o.test.points for o in own)}"
        )
        lines += [
            f"  {one.points}/{one.test.points}  {one.test.asks}"
            + (f": {one.says}" * bool(one.says))
            for one in own
        ]
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m trbook.assignments.hidden")
    parser.add_argument("files", nargs="+", type=Path, help="students' files")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn numbers")
    parser.add_argument("--csv", type=Path, help="where a table of points goes")
    asked = parser.parse_args(words)
    rows = []
    for file in asked.files:
        try:
            answers = runpy.run_path(str(file))
        except BaseException as error:  # likewise
            if isinstance(error, KeyboardInterrupt):
                raise
            print(f"{file.stem}: cannot be run, {type(error).__name__}: {error}")
            answers = {}
        results = grade(answers, asked.seed)
        rows.append(
            {"student": file.stem}
            | {
                name: sum(one.points for one in results if one.test.assignment == name)
                for name in ASSIGNMENTS
            }
        )
        print(f"# {file.stem}\n{report(results)}\n")
    if asked.csv:
        with asked.csv.open("w", newline="", encoding="utf-8") as out:
            table = csv.DictWriter(out, ["student", *ASSIGNMENTS])
            table.writeheader()
            table.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
