"""Laws: what every token loss promises, and every setting. A new loss or setting is found by its
name; a line in CASES says more of a loss. `gallery/test_every_loss_of_relatives.py` asks the same of
the relatives, and `gallery/test_every_relative.py` what a run of theirs owes."""

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import wraps
from itertools import product
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import torch

from tests.losses import D, close, distributions, refused, slope, spread, tokens
from trlib import algorithms, checks
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import Needs, Stage, TokenLoss
from trlib.corrections import Correction
from trlib.fields import dataclass_of
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES
from trlib.tasks import TASKS

V = 5


@dataclass
class Case:
    loss: Callable[..., TokenLoss]
    settings: dict[str, Any] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    """Optional arguments of shape [B, T] to pass as well."""
    on_policy: float | None = 1.0
    """At ratio 1 the weight is this many times A; None: no advantage in this loss."""
    pure: bool = True
    """The function of the contract itself, not an adapter to [B, T]."""
    proportional: bool = True
    """A token without an advantage, or not kept, has no loss and no weight."""
    ordered: bool = False
    """A token's place in its completion matters."""
    joined: bool = False
    """Completions of a batch decide about each other."""
    named: bool = True
    """Arguments that make no sense are named as the function's own."""
    unbounded: bool = True
    """Where values are not checked, a NaN comes out as one."""
    name: str = ""

    def arguments(self, data):
        parameters = inspect.signature(self.loss).parameters
        return {
            name: value
            for name, value in data.items()
            if name in parameters
            and (parameters[name].default is inspect.Parameter.empty or name in self.extra)
        }

    def __call__(self, **arguments):
        first, *rest = (
            arguments.pop(name)
            for name, p in inspect.signature(self.loss).parameters.items()
            if p.kind is p.POSITIONAL_OR_KEYWORD and name in arguments
        )
        return self.loss(first, *rest, **arguments, **self.settings)


def troll_of_a_token(logp, logp_old, *, advantages, mask, **settings):
    """TROLL as a function of the sampled token's log-prob."""
    ids = torch.arange(mask.shape[1]).expand(mask.shape) % V
    shape = distributions(1, 1, V)[0].expand(*mask.shape, V)

    def whole(x):
        full = spread(x.double().masked_fill(~mask, -1.0), shape, ids).to(x.dtype)
        return full.masked_fill(~mask.unsqueeze(-1), math.nan)

    given = {"tokens": ids.masked_fill(~mask, -100), "advantages": advantages, "mask": mask}
    return algorithms.troll_loss(whole(logp), whole(logp_old), **given, **settings)


a = algorithms
CASES = {
    "reinforce": Case(a.reinforce_loss),
    "pg_is": Case(a.pg_is_loss),
    "ppo": Case(a.ppo_loss),
    "ppo dual clip": Case(a.ppo_loss, {"eps_high": 0.28, "dual_clip": 3.0}),
    "ppo closed": Case(a.ppo_loss, {"eps_low": 0.0, "eps_high": 0.0}),
    "gspo": Case(a.gspo_loss),
    "gspo wide": Case(a.gspo_loss, {"eps_low": 0.3, "eps_high": 0.5}),
    "cispo": Case(a.cispo_loss),
    "cispo upper": Case(a.cispo_loss, {"eps_low": None}),
    "sapo": Case(a.sapo_loss),
    "gmpo": Case(a.gmpo_loss),
    "pspo": Case(a.pspo_loss, {"alpha": 0.1}, on_policy=0.9),
    "dppo tv": Case(a.dppo_loss, {"delta_tv": 0.15}),
    "dppo kl": Case(a.dppo_loss, {"delta_kl": (0.02, 0.05), "max_ratio": 3.0}),
    "dppo measured": Case(a.dppo_loss, {"delta_kl": 0.05}, extra=("measured",)),
    "dppo recomputed": Case(a.dppo_loss, {"delta_tv": 0.15}, extra=("logp_anchor",)),
    "quatro ratio": Case(a.quatro_loss, on_policy=None),
    "quatro exact": Case(a.quatro_loss, {"form": "exact"}, on_policy=None),
    "quatro regression": Case(a.quatro_loss, {"form": "regression"}, on_policy=None),
    "troll": Case(troll_of_a_token, pure=False),
    "troll regression": Case(
        troll_of_a_token,
        {"delta_kl": 0.0, "alpha": 0.5},
        on_policy=None,
        pure=False,
        proportional=False,
    ),
    "trsft": Case(a.trsft_loss, on_policy=None),
    "weighted none": Case(a.weighted_loss, {"weight": "none"}),
    "weighted ratio": Case(a.weighted_loss, {"weight": "ratio"}),
    "weighted truncated": Case(a.weighted_loss, {"weight": "truncated", "cap": 1.2}),
    "weighted window": Case(a.weighted_loss, {"weight": "window", "cap": 1.3, "floor": 0.7}),
    "weighted mask": Case(a.weighted_loss, {"weight": "mask", "delta_tv": 0.05}),
}
GIVEN = ("logp", "logp_old", "logp_rollout", "advantages", "mask", "rewards", "group")
"""The arguments that `tokens` has for every loss; one that needs others is adapted above."""


def unlisted():
    """Losses of the package that have no line yet: they promise what all do, and weight 1 at ratio
    1."""
    listed = {case.loss for case in CASES.values()}
    losses = {
        name: loss
        for name, loss in vars(a).items()
        if name.endswith("_loss") and loss not in listed
    }
    needed = {
        name: {key for key, p in inspect.signature(loss).parameters.items() if p.default is p.empty}
        for name, loss in losses.items()
    }
    return {
        name: Case(losses[name])
        for name, keys in needed.items()
        if "logp" in keys and keys <= set(GIVEN)
    }


CASES |= unlisted()


def of(meant):
    """Says which cases a test is meant for; without it, for every one."""

    def mark(test):
        @wraps(test)
        def noted(**arguments):
            try:
                test(**arguments)
            except AssertionError as error:
                error.add_note(
                    "A loss that differs here on purpose says so in CASES of tests/laws.py"
                )
                raise

        noted.meant = meant
        return noted

    return mark


def pytest_generate_tests(metafunc):
    """Runs a test of a `case` on its module's CASES, so that other losses, in a module of theirs,
    can promise the same."""
    if "case" in metafunc.fixturenames:
        for name, case in metafunc.module.CASES.items():
            case.name = name
        meant = getattr(metafunc.function, "meant", lambda case: True)
        cases = {name: case for name, case in metafunc.module.CASES.items() if meant(case)}
        metafunc.parametrize("case", cases.values(), ids=cases)


def run(case, arguments):
    """What a loss gives, and the gradient of its sum."""
    logp = arguments["logp"].detach().clone().requires_grad_()
    result = case(**(arguments | {"logp": logp}))
    return result, slope(result.per_token, logp)


def given(case, *seed, **how):
    return case.arguments(tokens(*seed, **how))


def test_autograd_is_minus_the_weight(case):
    for seed in range(4):
        result, grad = run(case, given(case, seed))
        close(grad, -result.diagnostics["weight"], 1e-12)
        assert result.diagnostics["weight"].abs().max() > 0.01


def test_diagnostics(case):
    arguments = given(case)
    result, _ = run(case, arguments)
    mask, found = arguments["mask"], result.diagnostics
    assert {"kept", "weight"} <= set(found) and ("ratio" in found) == (case.name != "trsft")
    for value in found.values():
        assert value.shape == mask.shape and not value.requires_grad and not value.isnan().any()
    assert found["kept"].dtype == torch.bool and not found["kept"][~mask].any()
    assert (result.per_token[~mask] == 0).all() and (found["weight"][~mask] == 0).all()
    if case.proportional:
        assert (found["weight"][~found["kept"]] == 0).all()
    if "ratio" in found:
        assert (found["ratio"][~mask] == 1).all()
    old = arguments.get("logp_old", arguments.get("logp_rollout"))
    if old is not None and case.pure:
        close(found["ratio"][mask], (arguments["logp"] - old).exp()[mask])


def test_what_is_masked_does_not_exist(case):
    clean = given(case)
    mask = clean["mask"]
    expected, expected_grad = run(case, clean)
    for junk in (math.nan, math.inf, -math.inf, 1e30):
        dirty = {
            k: v.masked_fill(~mask, junk) if v.shape == mask.shape and v.is_floating_point() else v
            for k, v in clean.items()
        }
        result, grad = run(case, dirty)
        assert torch.equal(result.per_token, expected.per_token)
        assert torch.equal(grad, expected_grad) and (grad[~mask] == 0).all()
        for key, value in result.diagnostics.items():
            assert torch.equal(value, expected.diagnostics[key]), key


def test_nothing_unmasked(case):
    arguments = given(case)
    mask = torch.zeros_like(arguments["mask"])
    logp = torch.full_like(arguments["logp"], math.nan).requires_grad_()
    result = case(**(arguments | {"mask": mask, "logp": logp}))
    assert not result.diagnostics["kept"].any()
    for how in AGGREGATIONS:
        total = aggregate(result.per_token, mask, how, horizon=9)
        assert total.item() == 0 and (slope(total, logp) == 0).all()


def test_padding_and_order_do_not_matter(case):
    """Whole prompts change places, and so do the tokens of a row, with new padding between them."""
    arguments = given(case)
    rows, columns = [4, 5, 1, 0, 3, 2], [3, -1, 0, 4, -1, 2, 1]
    if case.ordered:
        rows, columns = [*range(6)], [-1, 0, 1, -1, 2, 3, 4, -1]
    if not case.pure:
        rows, columns = [*range(6)], [0, 1, 2, 3, 4, -1, -1]

    def move(x, fill):
        x, at = x[rows], torch.tensor(columns)
        return x if x.dim() == 1 else torch.where(at >= 0, x[:, columns], x.new_tensor(fill))

    moved = {k: move(v, 0 if v.dtype == torch.bool else math.nan) for k, v in arguments.items()}
    (expected, expected_grad), (result, grad) = run(case, arguments), run(case, moved)
    close(result.per_token, move(expected.per_token, 0), 1e-12)
    close(grad, move(expected_grad, 0), 1e-12)


@of(lambda case: not case.joined)
def test_a_batch_is_the_sum_of_its_parts(case):
    whole, first, rest = (
        run(case, {k: v[rows] for k, v in given(case).items()})[0]
        for rows in (slice(None), slice(2), slice(2, None))
    )
    close(torch.cat([first.per_token, rest.per_token]), whole.per_token, 1e-12)
    for key, value in whole.diagnostics.items():
        close(torch.cat([first.diagnostics[key], rest.diagnostics[key]]).to(D), value.to(D), 1e-12)


def test_half_precision_is_computed_in_float32(case):
    for dtype in (torch.bfloat16, torch.float16):
        arguments = given(case, dtype=dtype)
        result, grad = run(case, arguments)
        assert result.per_token.dtype == result.diagnostics["weight"].dtype == torch.float32
        assert grad.dtype == dtype
        if case.pure:
            single = {k: v.float() if v.is_floating_point() else v for k, v in arguments.items()}
            expected, expected_grad = run(case, single)
            assert torch.equal(result.per_token, expected.per_token)
            torch.testing.assert_close(grad, expected_grad.to(dtype))


def test_float64_is_kept_beside_narrower_types(case):
    arguments = given(case, dtype=torch.float32) | {"logp": tokens()["logp"]}
    result, _ = run(case, arguments)
    assert result.per_token.dtype == result.diagnostics["weight"].dtype == D


def test_only_the_current_policy_has_a_gradient(case):
    arguments = {
        k: v.requires_grad_() if v.is_floating_point() and k != "logp" else v
        for k, v in given(case).items()
    }
    total = run(case, arguments)[0].per_token.sum()
    for other in (v for v in arguments.values() if v.requires_grad):
        how = {"allow_unused": True, "retain_graph": True}
        assert torch.autograd.grad(total, other, **how) == (None,)


@of(lambda case: bool(case.on_policy))
def test_at_ratio_one_it_is_reinforce(case):
    arguments = given(case)
    for key in {"logp_old", "logp_rollout", "logp_anchor"} & set(arguments):
        arguments[key] = arguments["logp"]
    if case.name == "dppo measured":
        arguments["measured"] = torch.zeros_like(arguments["logp"])
    if case.name == "gmpo":  # its weight is the completion's mean advantage
        arguments["advantages"] = arguments["advantages"][:, :1].expand_as(arguments["logp"])
    result, grad = run(case, arguments)
    expected, expected_grad = run(CASES["reinforce"], CASES["reinforce"].arguments(arguments))
    close(grad, case.on_policy * expected_grad, 1e-12)
    assert torch.equal(result.diagnostics["kept"], expected.diagnostics["kept"])


@of(lambda case: case.pure and "advantages" in case.arguments(tokens()))
def test_far_from_the_old_policy_every_number_is_finite_and_the_gradient_is_minus_the_weight(case):
    """A log-ratio counts as ±20 at most, in its value and not in its gradient. A token without an
    advantage stays out of it, and so does one behind the mask."""
    arguments = given(case, dtype=torch.float32)
    mask = torch.ones_like(arguments["mask"])
    mask[0] = torch.tensor([True, True, False, True, True])
    half = torch.full_like(arguments["logp"], -0.5)
    for far, advantage in product((-1e3, -30.0, 30.0, 1e3), (-1.0, 0.0, 1.0)):
        old, advantages = half - max(far, 0), torch.full_like(half, advantage)
        advantages[0, 1] = 0.0
        moved = {"logp": half + min(far, 0), "logp_old": old, "logp_rollout": old, "mask": mask}
        moved["advantages"] = advantages
        result, grad = run(case, arguments | {k: moved[k] for k in moved if k in arguments})
        for value in (grad, result.per_token, *result.diagnostics.values()):
            assert value.isfinite().all()
        close(grad, -result.diagnostics["weight"], 1e-5)
        assert result.diagnostics["ratio"].max() <= 1.001 * math.exp(20)
        for value in (grad, result.per_token, result.diagnostics["weight"]):
            assert not case.proportional or not value[~mask | (advantages == 0)].any()
        for how in AGGREGATIONS:
            assert aggregate(result.per_token.detach(), mask, how, horizon=9).isfinite()


def spoilt_tensors(value):
    """Everything that may come in a tensor's place, and whether it must be refused."""
    never = [value[:0], value.tolist(), None, "x", value.to_sparse(), value.to("meta")]
    never += [value.to(torch.complex64), value[..., None], torch.nested.nested_tensor([value])]
    never += [value.int() if value.dtype == torch.bool else value.bool()]
    others = [value.flatten(), 3, value.int(), value.to(torch.float16)]
    if value.is_floating_point():
        never += [value.long(), value * math.nan, value.to(torch.float8_e4m3fn)]
        others += [value + math.inf, -value, value * 1e4, value + 5]
    return [(one, True) for one in never] + [(one, False) for one in others]


def tensors(found):
    """What a function gave, in tensors."""
    if isinstance(found, torch.Tensor):
        return [found]
    if isinstance(found, TokenLoss):
        found = [found.per_token, *found.diagnostics.values()]
    parts = found if isinstance(found, tuple | list) else getattr(found, "__dict__", {}).values()
    return [x for one in parts for x in tensors(one)]


def wrong(function, names, given, refused=False):
    """What is wrong with a call; None: nothing. An overflow to inf is no wrong number, NaN always
    is."""
    try:
        found = function(**given)
    except (TypeError, ValueError) as error:
        named = re.match(rf"({'|'.join(names)})\b.*expected .*got ", str(error))
        return None if named else f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if refused:
        return "it was taken"
    floats = [x for x in tensors(found) if x.is_floating_point()]
    return "NaN" if any(bool(x.isnan().any()) for x in floats) else None


@of(lambda case: case.pure and case.named)
def test_bad_tensors_are_named(case):
    """Of any other kind or shape, empty, and with a NaN or inf where the mask is True."""
    arguments = given(case)
    for name, value in arguments.items():
        bad = spoilt_tensors(value)
        if value.dim() == 2:
            bad += [(value[:, :-1], True), (value[:, 0], True), (value[:, :0], True)]
        if value.dim() == 2 and value.is_floating_point():
            bad += [(value + math.inf, True), (value.where(value != value[0, 2], math.nan), True)]
        for one, always in bad:
            if one is not None or name not in case.extra:
                assert wrong(case, arguments, arguments | {name: one}, always) is None, (name, one)


@of(lambda case: case.pure and case.named)
def test_value_checks_can_be_switched_off_but_not_the_shapes(case):
    arguments = given(case)
    bad = arguments | {"logp": arguments["logp"] * math.nan}
    with checks.value_checks(False):
        assert not case.unbounded or case(**bad).per_token[0].isnan().any()
        refused(r"mask: expected \[B, T\]", case, **(bad | {"mask": bad["mask"][:3]}))


def kinds_of(hint):
    """The types that a setting may have."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def declared(kind):
    """Each setting of a dataclass that declares its bounds, itself or in a base, or is a number
    or a flag, which no one may give without: its type and these bounds."""
    hints, bounds = get_type_hints(kind), {}
    for base in reversed(kind.__mro__):
        own = vars(base).get("__dataclass_fields__", {}).values()
        bounds |= {f.name: f.metadata["bounds"] for f in own if f.metadata}
    plain = {
        name for name, hint in hints.items() if {*kinds_of(hint)} <= {int, float, bool, NoneType}
    }
    return {
        f.name: (hints[f.name], bounds.get(f.name, {}))
        for f in fields(kind)
        if f.name in plain | bounds.keys()
    }


def bad_values(hint, bounds):
    """Values that are of another type than declared, just outside the bounds, or no number."""
    kinds = kinds_of(hint)
    wrong = [[0.1], {}] + ([] if NoneType in kinds else [None])
    (kind,) = (k for k in kinds if k is not NoneType)
    if kind is bool:
        return [*wrong, 1, "yes"]
    if kind is str or get_origin(kind) is Literal:
        return [*wrong, 3, True, "no such word"]
    step = 1 if kind is int else 1e-6
    wrong += ["1", True, math.nan, *([1.5, 2**63] if kind is int else [])]
    wrong += [bounds["least"] - step] if "least" in bounds else []
    wrong += [bounds["most"] + step] if "most" in bounds else []
    return [*wrong, *(bounds[word] for word in ("above", "below") if word in bounds)]


def assert_named(make, name, value):
    """What `make` refuses is named, as `name: expected ..., got ...`, and what came is said."""
    with pytest.raises((ValueError, TypeError)) as caught:
        make(**{name: value})
        pytest.fail(f"{name} = {value!r} is not refused: declare its bounds, or check them")
    forms = [str(value), repr(value), type(value).__name__]
    message = str(caught.value)
    complaint = f"{name} = {value!r} is not named: {message}"
    assert re.match(rf"(\w+, )*{name}(\[\d\])?(, \w+)*: expected .+, got ", message), complaint
    assert any(one in message.partition(", got ")[2] for one in forms), complaint


KINDS = {name: dataclass_of(entry) for name, entry in OBJECTIVES.items()}
KINDS |= {kind.__name__: kind for kind in (RunSettings, Correction, Needs, Stage, *TASKS.values())}
NEEDED = {"RunSettings": {"steps": 1}, "Stage": {"count": 1}}


@pytest.mark.parametrize("name", KINDS)
def test_a_setting_outside_its_bounds_is_named(name):
    """In every dataclass that declares bounds, for every bad value of every setting."""
    kind, needed = KINDS[name], NEEDED.get(name, {})
    for setting, (hint, bounds) in declared(kind).items():
        for value in bad_values(hint, bounds):
            assert_named(lambda **bad: kind(**(needed | bad)), setting, value)


def method_of(case):
    """The name of the method whose loss it is: a line's begins with it, another case is called after
    the loss."""
    return case.name.split()[0].removesuffix("_loss")


@of(lambda case: case.pure and method_of(case) in OBJECTIVES)
def test_a_setting_outside_its_bounds_is_named_by_the_loss_too(case):
    taken, loss = inspect.signature(case.loss).parameters, Case(case.loss)
    given = case.arguments(tokens()) | case.settings
    kind = dataclass_of(OBJECTIVES[method_of(case)])
    defaults = {f.name: f.default for f in fields(kind)}
    for setting, (hint, bounds) in declared(kind).items():
        if setting in taken:
            ours, its = defaults[setting], taken[setting].default
            same = its in (ours, inspect.Parameter.empty)
            assert same, f"{setting}: {kind.__name__} has {ours}, its loss {its}"
        for value in bad_values(hint, bounds) if setting in taken else ():
            assert_named(lambda **bad: loss(**(given | bad)), setting, value)
