"""Exercises: right answers are right, wrong ones get the hint that fits, and nothing at all makes a check raise."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.pages.exercises import grpo
from trlib.pages.exercises.check import NotYet, Verdict, case, exercise, grade, grade_number

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
CHECKS = [check for module in (grpo,) for name, check in vars(module).items() if name.startswith("check_")]


class Hostile:
    """An object that raises whatever is done to it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("leave me alone")

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("an error that cannot be printed")


def raising(error: BaseException):
    def answer(*arguments: Any) -> Any:
        raise error
    return answer


def deep(*arguments: Any) -> Any:
    return deep(*arguments)


ANSWERS = [
    None, ..., 0, -1.5, float("nan"), 10**400, "0.5", b"x", [], {}, object(), Hostile(), Hostile, int, torch.zeros(3),
    torch.tensor([[1.0]]), np.zeros(2), lambda: 1, lambda *a: None, lambda *a: ..., lambda *a: "text", lambda *a: a,
    lambda *a: Hostile(), lambda *a: torch.zeros(2, 2), lambda *a: [1, [2]], lambda *a: [0] * len(a[0]),
    lambda *a: torch.full_like(a[0], torch.nan), lambda *a: torch.zeros(len(a[0]), dtype=torch.complex64),
    lambda *a: np.zeros(len(a[0])),
    lambda *a: a[0].zero_(), raising(ValueError("shape")), raising(SystemExit(1)), raising(Silent()), deep,
    lambda *a: (x for x in a), lambda *a: torch.empty(len(a[0]), device="meta"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_no_answer_makes_a_check_raise(check: Any) -> None:
    for answer in ANSWERS:
        for arguments in ((answer,), (answer, answer), (), (answer, 1, 2, 3)):
            verdict = check(*arguments)
            assert isinstance(verdict, Verdict) and not verdict.right
            assert str(verdict).startswith("not yet: ") and len(verdict.message) > 10
    assert not check(nonsense=1).right


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), lambda inner: st.lists(inner)
                    | st.dictionaries(st.text(), inner) | st.tuples(inner, inner), max_leaves=8))
def test_no_value_makes_a_check_raise(value: Any) -> None:
    for check in CHECKS:
        for answer in (value, lambda *a: value):
            assert not check(answer).right or value in (10, 3.75)


def advantages(rewards: Any, group: Any) -> Any:
    out = torch.zeros_like(rewards)
    for g in group.unique():
        own = rewards[group == g]
        out[group == g] = (own - own.mean()) / (own.std() + 1e-4)
    return out


def without_floor(rewards: Any, group: Any) -> Any:
    return torch.stack([(r - rewards[group == g].mean()) / rewards[group == g].std()
                        for r, g in zip(rewards, group, strict=True)])


def loss(logp: Any, logp_old: Any, A: Any, low: float, high: float) -> Any:
    ratio = torch.exp(logp - logp_old)
    return -torch.minimum(ratio * A, ratio.clamp(1 - low, 1 + high) * A)


def test_right_answers_are_right() -> None:
    assert grpo.check_advantages(advantages)
    assert grpo.check_advantages(lambda r, g: advantages(r, g).numpy())
    assert grpo.check_advantages(lambda r, g: advantages(r, g).tolist())
    assert grpo.check_clipped_loss(loss)
    assert grpo.check_silenced(lambda r, A, low, high: ((A > 0) & (r > 1 + high)) | ((A < 0) & (r < 1 - low)))
    assert grpo.check_silenced(lambda r, A, low, high: torch.where(A > 0, r > 1 + high, r < 1 - low).int())
    assert grpo.check_length_bias(10, 1)
    assert grpo.check_length_bias(torch.tensor(10.0), np.float64(1))
    rewards = torch.tensor([1.0] + [0.0] * 15)
    assert grpo.check_rare_success((1 - rewards.mean()) / rewards.std(), 1 - rewards.mean())


@pytest.mark.parametrize(("check", "answer", "hint"), [
    (grpo.check_advantages, without_floor, "NaN"),
    (grpo.check_advantages, lambda r, g: (r - r.mean()) / r.std(), "whole batch"),
    (grpo.check_advantages, lambda r, g: advantages(r, g) * 0 + r, "are off; at 0"),
    (grpo.check_advantages, lambda r, g: -advantages(r, g), "sign is turned"),
    (grpo.check_advantages, lambda r, g: torch.stack([x - r[g == k].mean()
                                                      for x, k in zip(r, g, strict=True)]), "Dr.GRPO"),
    (grpo.check_advantages, lambda r, g: torch.stack([(x - r[g == k].mean()) / (r[g == k].std(correction=0) + 1e-6)
                                                      for x, k in zip(r, g, strict=True)]), "divides by G;"),
    (grpo.check_advantages, lambda r, g: torch.stack([(x - r[g == k].mean()) / (r[g == k].var() + 1e-6)
                                                      for x, k in zip(r, g, strict=True)]), "variance"),
    (grpo.check_advantages, lambda r, g: advantages(r, g)[:2], "the shape [2], and [5] is wanted"),
    (grpo.check_clipped_loss, lambda *a: -loss(*a), "has a minus"),
    (grpo.check_clipped_loss, lambda n, o, A, low, high: -(n - o).exp().clamp(1 - low, 1 + high) * A, "come back"),
    (grpo.check_clipped_loss, lambda n, o, A, low, high: -torch.maximum(
        (n - o).exp() * A, (n - o).exp().clamp(1 - low, 1 + high) * A), "pessimistic"),
    (grpo.check_clipped_loss, lambda n, o, *a: loss(o, n, *a), "new over old"),
    (grpo.check_clipped_loss, lambda n, o, A, *a: -(n - o).exp() * A, "nothing is clipped"),
    (grpo.check_clipped_loss, lambda n, *a: loss(n.detach(), *a), "no gradient"),
    (grpo.check_clipped_loss, lambda n, *a: loss(n.detach(), *a) + 0 * n, "the gradient is not"),
    (grpo.check_clipped_loss, raising(ValueError("odd")), "raised ValueError: odd for [-1.7"),
    (grpo.check_silenced, lambda r, A, low, high: (r > 1 + high) | (r < 1 - low), "all tokens outside"),
    (grpo.check_silenced, lambda r, A, low, high: ~(((A > 0) & (r > 1 + high)) | ((A < 0) & (r < 1 - low))), "kept"),
    (grpo.check_silenced, lambda r, A, low, high: ((A < 0) & (r > 1 + high)) | ((A > 0) & (r < 1 - low)), "crossed"),
])
def test_mistakes_get_their_hint(check: Any, answer: Any, hint: str) -> None:
    verdict = check(answer)
    assert not verdict and hint in verdict.message, verdict


@pytest.mark.parametrize(("check", "answers", "hint"), [
    (grpo.check_length_bias, (None, None), "grpo is still open"),
    (grpo.check_length_bias, (0.1, 1), "turned around"),
    (grpo.check_length_bias, (1, 1), "1/length"),
    (grpo.check_length_bias, (10, 10), "one constant"),
    (grpo.check_length_bias, (7, 1), "7 is too small"),
    (grpo.check_rare_success, (15 / 16, None), "divides by the standard deviation"),
    (grpo.check_rare_success, (15 ** 0.5, None), "G - 1 = 15"),
    (grpo.check_rare_success, (3.75, ...), "dr_grpo is still open"),
    (grpo.check_rare_success, (3.75, 3.75), "does not divide"),
    (grpo.check_rare_success, (3.75, "much"), "a number is wanted, and this is a str"),
    (grpo.check_rare_success, (float("nan"), 1), "NaN")])
def test_numbers_get_their_hint(check: Any, answers: tuple, hint: str) -> None:
    verdict = check(*answers)
    assert not verdict and hint in verdict.message, verdict


def test_praise_says_true_numbers() -> None:
    ratio = torch.tensor([1.0, 1.3, 0.7, 1.3, 0.7, 5.0, 0.01, 1.19, 0.81])
    sign = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -2.0, 0.3, 1.0, -1.0])
    assert int(((ratio - 1).abs() > 0.2).sum()) == 6
    assert int(grpo._silenced(ratio, sign, 0.2, 0.2).sum()) == 2
    half = torch.tensor([1.0] * 8 + [0.0] * 8)
    assert float((1 - half.mean()) / half.std()) == pytest.approx(0.97, abs=0.005)


def test_an_answer_cannot_change_the_next_case() -> None:
    seen: list[float] = []

    def greedy(values: Any) -> Any:
        seen.append(float(values.sum()))
        return values.add_(1) - 1

    data = [case([1.0, 2.0])] * 2
    assert exercise(lambda answer: grade(answer, data, lambda v: v, praise="fine"))(greedy)
    assert seen == [3.0, 3.0]


def test_verdict_shows_itself() -> None:
    right, wrong = Verdict(True, "well done"), Verdict(False, "1 < 2 & more")
    assert (repr(right), bool(right)) == ("right: well done", True)
    assert (repr(wrong), bool(wrong)) == ("not yet: 1 < 2 & more", False)
    assert "<strong>✓ right</strong> well done" in right._repr_html_()
    assert "1 &lt; 2 &amp; more" in wrong._repr_html_()
    assert "a <code>x &lt; 1</code> here" in Verdict(False, "a `x < 1` here")._repr_html_()


def test_a_mistake_never_passes_for_the_truth() -> None:
    """Every known mistake of every check really differs from the truth on the check's cases."""
    found: list[int] = []

    def spy(answer: Any, cases: Any, truth: Any, *, praise: str, mistakes: Any = (),
            rtol: float = 1e-4, atol: float = 1e-6) -> Verdict:
        for mistake, hint in mistakes:
            same = [torch.allclose(mistake(*c).double(), truth(*c).double(), rtol=rtol, atol=atol) for c in cases]
            assert not all(same), hint
            found.append(1)
        return Verdict(True, praise)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grpo, "grade", spy)
        for check in (grpo.check_advantages, grpo.check_clipped_loss, grpo.check_silenced):
            check(loss)
    assert len(found) == 13


def test_keyboard_interrupt_is_the_readers_own() -> None:
    with pytest.raises(KeyboardInterrupt):
        grpo.check_silenced(raising(KeyboardInterrupt()))


def test_grade_raises_only_its_own_hint() -> None:
    with pytest.raises(NotYet, match="still open"):
        grade_number(None, 1.0, name="x", praise="")
    with pytest.raises(NotYet, match="a function is wanted here, and this is still empty"):
        grade(None, [case([1.0])], lambda v: v, praise="")


def cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def run(source: str) -> Any:
    """The value of a cell's last line, in a namespace of its own."""
    tree = ast.parse(source)
    space: dict[str, Any] = {}
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), "an exercise's cell ends with its check"
    exec(compile(tree, "<cell>", "exec"), space)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_exercises_of_a_chapter_say_not_yet_and_their_solutions_right(notebook: Path) -> None:
    """Cells tagged `exercise` and `solution` come in pairs, each complete in itself, the solution folded everywhere."""
    tagged = [(tag, cell) for cell in cells(notebook) for tag in ("exercise", "solution")
              if tag in cell["metadata"].get("tags", [])]
    assert [tag for tag, _ in tagged] == ["exercise", "solution"] * (len(tagged) // 2)
    for tag, cell in tagged:
        verdict = run("".join(cell["source"]))
        assert isinstance(verdict, Verdict)
        assert verdict.right == (tag == "solution"), verdict
        if tag == "solution":
            assert "hide-cell" in cell["metadata"]["tags"]
            assert cell["metadata"]["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
            assert cell["metadata"]["cellView"] == "form" and cell["source"][0].startswith("# @title Solution")


def test_every_check_has_a_place_in_a_chapter() -> None:
    text = "".join("".join(cell["source"]) for notebook in NOTEBOOKS for cell in cells(notebook))
    assert [check.__name__ for check in CHECKS if f"{check.__name__}(" not in text] == []


def test_checks_say_what_they_ask() -> None:
    for check in CHECKS:
        assert inspect.getdoc(check).rstrip().endswith(("?", ".")), check.__name__
