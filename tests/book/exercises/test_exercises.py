"""Exercises: right answers are right, wrong ones get the hint that fits, and nothing at all makes a
check raise."""

import ast
import json
import linecache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
import torch

from tests.by_day import by_day
from trbook import exercises
from trbook.exercises import critic, dppo, grpo, policies, ppo, scale, shoot_out
from trbook.exercises.built import Built
from trbook.exercises.check import Exercise, Numbers, mixed_up, run
from trbook.exercises.inside import InTheLoop
from trbook.exercises.shoot_out import SweepCheck
from trbook.exercises.verdict import Verdict
from trlab import Axis, Budget, Prediction, Sweep, Variant

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))
CHECKS = {
    f"{module.name}.{name}": check
    for module in iter_modules(exercises.__path__)
    for name, check in vars(import_module(f"trbook.exercises.{module.name}")).items()
    if name.startswith("check_") and module.name != "tasks"
}
"""Every check of a chapter; `tasks` is for one that a reader brings."""
FUNCTIONS = {name: check for name, check in CHECKS.items() if isinstance(check, Exercise)}
NUMBERS = {name: check for name, check in CHECKS.items() if isinstance(check, Numbers)}
SLOW = pytest.mark.nightly(
    "a hundred checks called again and again; the answers of every chapter are tried by day"
)
LATER = pytest.mark.test_all("trains for each mistake that a reader may make")
NIGHTLY = {
    "critic.check_gae",
    "policies.check_update",
    "ppo.check_updates",
    "regions.check_enough",
    "trapo.check_trapo_loss",
    "troll.check_with_rest",
    "trpo.check_natural_step",
}


def each(checks, *, nightly=NIGHTLY, later=()):
    """A case for each check, those of `nightly` and of the gallery by night, those of `later` in
    `make test-all`."""
    marks = dict.fromkeys(later, LATER)
    marks |= {name: SLOW for name in checks if name in nightly or name.startswith("gallery_")}
    cases = [
        pytest.param(check, id=name, marks=marks.get(name, ())) for name, check in checks.items()
    ]
    return pytest.mark.parametrize("check", cases)


each_function = each(FUNCTIONS)
FEW = {"grpo.check_sequence_ratio", "dppo.check_silenced", "long.check_mean"}
"""By day these stand for all where a check is asked again for every argument."""
few_functions = each(FUNCTIONS, nightly=FUNCTIONS.keys() - FEW)


def raising(error):
    def answer(*arguments):
        raise error

    return answer


def deep(*arguments):
    return deep(*arguments)


ANSWERS = [
    None,
    ...,
    float("nan"),
    "0.5",
    [],
    torch.tensor([[1.0]]),
    lambda: 1,
    lambda *a: None,
    lambda *a: a,
    lambda *a: [1, [2]],
    lambda *a: torch.full_like(a[0], torch.nan),
    lambda *a: torch.zeros(len(a[0]), dtype=torch.complex64),
    lambda *a: np.zeros(len(a[0])),
    lambda *a: a[0].zero_(),
    raising(ValueError("shape")),
    deep,
]


@pytest.mark.filterwarnings("ignore")
@each(CHECKS)
def test_no_answer_makes_a_check_raise(check):
    for answer in ANSWERS:
        for arguments in ((answer,), (answer, answer), (), (answer, 1, 2, 3)):
            verdict = check(*arguments)
            assert isinstance(verdict, Verdict) and not verdict.right
            assert str(verdict).startswith("not yet: ") and len(verdict.message) > 10
    assert not check(nonsense=1).right


ratios, limited = grpo.check_sequence_ratio.truth, grpo.check_cispo.truth


def loss(logp, logp_old, A, low, high):
    ratio = torch.exp(logp - logp_old)
    return -torch.minimum(ratio * A, ratio.clamp(1 - low, 1 + high) * A)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (grpo.check_sequence_ratio, (ratios,)),
        (grpo.check_sequence_ratio, (lambda *a: ratios(*a).numpy(),)),
        (grpo.check_sequence_ratio, (lambda *a: ratios(*a).tolist(),)),
        (dppo.check_silenced, (lambda *a: dppo.check_silenced.truth(*a).int(),)),
        (grpo.check_length_bias, (torch.tensor(10.0), np.float64(1))),
    ],
)
def test_a_right_answer_is_right_in_any_type(check, answer):
    verdict = check(*answer)
    assert verdict.right, verdict


def of_ones_own(**changes):
    usual = {
        "variants": [Variant("ppo"), Variant("ppo", {"eps_high": 0.5}, label="wide")],
        "seeds": range(500, 512),
        "budget": Budget(steps=5),
        "predictions": [Prediction("wider is better", higher="wide", lower="ppo")],
    }
    return Sweep(text="Does a wider window help?", **{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"variants": [Variant("ppo")], "predictions": ()}, "nothing to be compared with"),
        ({"seeds": range(500, 505)}, "`seeds` holds 5"),
        ({"seeds": range(12)}, "the book's runs have used seed 0"),
        ({"predictions": ()}, "`predictions` is empty"),
        (
            {"variants": [Variant("ppo"), Variant("ppo", {"eps": 1}, label="wide")]},
            "did you mean 'eps_low'?",
        ),
        ({"axes": [Axis("epochs", range(1, 8))]}, "14 arms are too many"),
    ],
)
def test_a_sweep_that_answers_nothing_is_told_why(changes, hint):
    verdict = shoot_out.check_sweep(of_ones_own(**changes))
    assert not verdict and hint in verdict.message, verdict


def test_a_sweep_is_run_before_it_is_right():
    verdict = shoot_out.check_sweep(of_ones_own())
    assert verdict and verdict.message.startswith("2 arms of 12 seeds are 24 runs")
    failing = SweepCheck("?", lambda sweep: [("ppo, seed 500", "an error")])
    assert (
        failing(of_ones_own()).message
        == "1 cells failed at smoke size, the first (ppo, seed 500) with an error"
    )
    assert (
        shoot_out.check_sweep("ppo").message == "expected a `Sweep(...)` here, but this is a str."
    )


def reinforce(policy, optimizer, batch, rewards):
    groups = rewards.view(-1, 8)
    A = (groups - groups.mean(1, keepdim=True)).flatten()
    optimizer.zero_grad()
    (-(A[:, None] * policy.score(batch).logp)[batch.mask].sum() / len(rewards)).backward()
    optimizer.step()


LOOPED = {name: check for name, check in CHECKS.items() if isinstance(check, Built | InTheLoop)}


@each(LOOPED, later=["clipping.check_corrected_loss", "grpo.check_gspo", "quatro.check_objective"])
def test_what_the_reader_built_is_told_from_every_mistake(check):
    # What an answer does to its arguments is lost on the next one.
    assert not check(lambda *a: a[0].zero_())
    assert check(check.truth).right
    for function, hint in check.mistakes:
        assert check(function).message == hint


@few_functions
def test_every_argument_decides_and_an_answer_that_ignores_it_hears_so(check):
    """Whatever number, or whatever other argument of its kind, is written in for an argument: not
    yet, and by name."""
    for place, name in enumerate(check.names):
        assert len(list(check.pairs(name))) >= 3, f"{name} makes no difference on the inputs"
        frozen = [case[name] for case in check.drawn]
        frozen += [0.2] if isinstance(frozen[0], float) else []
        for value in frozen:

            def ignores(*arguments, place=place, value=value):
                return check.truth(*(value if i == place else a for i, a in enumerate(arguments)))

            def called(*arguments, ignores=ignores, value=value):
                same = not isinstance(value, torch.Tensor) or value.shape == arguments[0].shape
                return ignores(*arguments) if same else torch.zeros(len(arguments[0]))

            verdict = check(called)
            assert not verdict and f"`{name}`" in verdict.message, (name, value, verdict)


@each_function
def test_every_mistake_is_caught_and_gets_a_hint_of_its_own(check):
    assert len({hint for _, hint in check.mistakes}) == len(check.mistakes) > 0
    for values, hint in check.mistakes:
        assert message_for(check, values) == hint


@few_functions
def test_arguments_that_change_places_are_told_by_name(check):
    right, *automatic = (
        ([run(function, case) for case in check.cases], hint)
        for function, hint in [(check.truth, ""), *mixed_up(check.truth, check.drawn)]
    )
    for own, _ in automatic:
        if alike(own, right[0]):
            continue  # a symmetric reference
        hints = {hint for values, hint in [*automatic, *check.mistakes] if alike(values, own)}
        assert message_for(check, own) in hints


def message_for(check, values):
    """What a reader hears whose function returns these values, one for each input."""
    given = iter(values)
    return check(lambda *_: next(given)).message


def alike(one, other):
    return all(map(torch.equal, one, other))


def test_an_exception_is_told_with_the_readers_own_line_and_the_inputs():
    source = (
        "import torch\n\n\ndef helper(x):\n    return x.nonsense\n\n\ndef silenced(p, q, A, delta"
        "):\n"
        "    kept = torch.tensor(0)\n    return helper(p) + kept\n"
    )
    linecache.cache["<cell 7>"] = (len(source), None, source.splitlines(keepends=True), "<cell 7>")
    space = {}
    exec(compile(source, "<cell 7>", "exec"), space)
    message_for = dppo.check_silenced(space["silenced"]).message
    assert message_for.startswith(
        "line 5 of your cell, `return x.nonsense`, raised AttributeError: 'Tensor' object has no "
        "attribute 'nonsense'. It was called with `p` = [0.001, 0.8, 0.7, 0.4], "
    )
    assert "and `delta` = 0.15." in message_for
    # An error deep inside torch is told with the reader's line too.
    inside = source.replace("x.nonsense", "torch.stack(5)")
    linecache.cache["<cell 8>"] = (len(inside), None, inside.splitlines(keepends=True), "<cell 8>")
    exec(compile(inside, "<cell 8>", "exec"), space)
    assert (
        "line 5 of your cell, `return torch.stack(5)`, raised TypeError"
        in dppo.check_silenced(space["silenced"]).message
    )


@pytest.mark.parametrize("check", NUMBERS.values(), ids=NUMBERS)
def test_every_wrong_number_gets_its_hint_and_none_passes(check):
    right = {name: number.wanted for name, number in check.wanted.items()}
    assert check(**right)
    for name, number in check.wanted.items():
        assert number.mistakes
        for wrong, hint in number.mistakes.items():
            assert check(**{**right, name: wrong}).message == hint
        slack = 2 * (number.rtol or check.rtol)
        for factor in (0.5, 1 - slack, 1 + slack, 2, -1):
            assert not check(**{**right, name: factor * number.wanted})


def sums(**changes):
    usual = {
        "truth": lambda values, other: values + other,
        "inputs": lambda draw: (draw.normal(2), draw.normal(2)),
    }
    return Exercise("Is it the sum?", praise="fine", **{**usual, **changes})


def test_an_answer_cannot_change_the_next_case():
    seen = []

    def greedy(values, other):
        seen.append(float(values.sum()))
        return values.add_(other)

    assert sums(inputs=lambda draw: (torch.tensor([1.0, 2.0]), draw.normal(2)))(greedy)
    assert set(seen) == {3.0}


def last_value(source, space):
    """The value of a cell's last line, run in this namespace."""
    tree = ast.parse(source)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), "an exercise's cell ends with its check"
    exec(compile(tree, "<cell>", "exec"), space)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)


SOLVED = [path for path in NOTEBOOKS if path.stem in {"05_grpo", "07_dppo"}]
"""The chapters whose solutions `make test` tries: the longest one, and one of another method."""


@pytest.mark.parametrize(
    "notebook",
    by_day(
        NOTEBOOKS,
        *SOLVED,
        later=[path for path in NOTEBOOKS if path not in SOLVED],
        reason="a second or two for the solutions of each chapter",
    ),
    ids=lambda path: path.stem,
)
def test_exercises_of_a_chapter_say_not_yet_and_their_solutions_right(notebook):
    """Cells tagged `exercise` and `solution` come in pairs. An exercise is complete in itself, and its
    solution, which is folded everywhere, after it."""
    tagged = [
        (tag, cell)
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        for tag in ("exercise", "solution")
        if tag in cell["metadata"].get("tags", [])
    ]
    assert [tag for tag, _ in tagged] == ["exercise", "solution"] * (len(tagged) // 2)
    for tag, cell in tagged:
        if tag == "exercise":
            space = {}
        verdict = last_value("".join(cell["source"]), space)
        # Who runs every cell must not read *right* below an answer that is still empty.
        assert repr(verdict).startswith(
            {"solution": "the solution is right: ", "exercise": "not yet: "}[tag]
        )
        if tag == "solution":
            assert "hide-cell" in cell["metadata"]["tags"]
            assert cell["metadata"]["cellView"] == "form", "Colab folds it too"


def late(policy, optimizer, batch, rewards):
    reinforce(policy, optimizer, batch, rewards**2 + 0.3 * (batch.group > 1))
    with torch.no_grad():
        policy.parameters[0].mul_(1.001)


def lost(policy, *rest):
    with torch.no_grad():
        policy.parameters[0].fill_(torch.nan)


def of_five(new, old, A, mask):
    """Right on the small inputs, which have five tokens a row."""
    here = loss(new, old, A, 0.2, 0.2) if new.shape[1] == 5 else -(new - old).exp() * A
    return here[mask].mean()


def raises_elsewhere(new, old, A, mask):
    return (loss(new, old, A, 0.2, 0.2) * torch.ones(2, 5))[mask].mean()


def whole_logits(hidden, W, y, chunk):
    logits = hidden @ W.T
    return logits.log_softmax(-1).gather(1, y[:, None])[:, 0], W[y] - logits.softmax(-1) @ W


def without_a_peak(hidden, W, y, chunk):
    total = sum((hidden @ part.T).exp().sum(-1) for part in W.split(chunk))
    u = sum((hidden @ part.T).exp() @ part for part in W.split(chunk)) / total[:, None]
    return (hidden * W[y]).sum(-1) - total.log(), W[y] - u


def without_one_way_back():
    """A batch that catches every mistake but one: no token is outside and on its way back."""
    old = torch.tensor([[0.3, 0.001, 0.5], [0.6, 0.5, 0.5]]).log()
    logp = torch.tensor([[0.48, 0.05, 0.5], [0.3, 0.4, 0.5]]).log()
    mask = torch.tensor([[True, True, True], [True, True, False]])
    return logp, old, torch.tensor([[1.0] * 3, [-1.0] * 3]), mask


HINTS = [
    (
        dppo.check_silenced,
        lambda p, q, A, delta: torch.where(A > 0, p - q > 0.15, p - q < -0.15),
        "the same whatever `delta` is",
    ),
    (grpo.check_sequence_ratio, lambda *a: 2 * ratios(*a), "is too large."),
    (grpo.check_sequence_ratio, lambda *a: ratios(*a) * torch.nan, "returns NaN with"),
    (grpo.check_cispo, lambda n, *a: limited(n.detach(), *a), "no gradient"),
    (
        grpo.check_cispo,
        lambda n, *a: limited(n, *a) + (n - n.detach()),
        "the gradient in `logp`",
    ),
    (
        grpo.check_cispo,
        lambda n, o, A, low, high: -(n - o).exp().clamp(1 - low, 1 + high) * A * n,
        "fail to detach something that should",
    ),
    (policies.check_update, late, "update 1 of 3 is off: it moves the parameters "),
    (policies.check_update, lost, "NaN"),
    (ppo.check_loss, of_five, "in training it differs from the library"),
    (ppo.check_loss, raises_elsewhere, "fails where it is used"),
    (scale.check_in_the_loop, whole_logits, "all logits at once"),
    (scale.check_in_the_loop, without_a_peak, "not finite where logits are large"),
    (scale.check_in_the_loop, lambda *a: whole_logits(*a)[0], "expected two tensors"),
    (
        scale.check_in_the_loop,
        lambda h, W, y, c: ((h * W[y]).sum(-1), W[y]),
        "log Z is not subtracted yet",
    ),
    (scale.check_in_the_loop, lambda *a: (whole_logits(*a)[0], a[1][a[2]]), "W_y alone"),
    (scale.check_batch, without_one_way_back, "1 of 10 wrong losses"),
    (scale.check_batch, without_one_way_back, "tokens on their way back, too"),
    (scale.check_batch, lambda: without_one_way_back()[:3], "expected four tensors"),
    (scale.check_batch, lambda: [torch.ones(2, 4)] * 4, "got 8"),
    (grpo.check_length_bias, (7, 1), "7 is too small"),
    (grpo.check_rare_success, (3.75, ...), "`dr_grpo` has no answer yet"),
    (grpo.check_rare_success, (3.75,), "with `grpo` and `dr_grpo`, in this order."),
    (
        policies.check_variance,
        (0.11, 3 / 64),
        "`without` = 0.11 is rounded too far: give at least 3",
    ),
    (policies.check_variance, (27 / 256, 0.05), "`with_baseline` = 0.05 is rounded too far"),
    (critic.check_lambda, (1, 0.66), "`first` = 0.66 is rounded too far: give at least 3"),
]


@pytest.mark.parametrize(("check", "answer", "hint"), HINTS)
def test_a_wrong_answer_hears_why(check, answer, hint):
    verdict = check(*answer) if isinstance(answer, tuple) else check(answer)
    assert not verdict and hint in verdict.message, verdict
