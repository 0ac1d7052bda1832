"""What every token loss promises, in one place: a new loss is found by its name; a line in CASES
says more of it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from trlib import algorithms, checks
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import TokenLoss
from trlib.algorithms.kl_penalty import add_penalty
from trlib.divergences import binary_kl, log1mexp

D = torch.float64
V = 5


@dataclass
class Case:
    loss: Callable[..., TokenLoss]
    settings: dict[str, Any] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    """Optional arguments of shape [B, T] to pass as well."""
    on_policy: float | None = 1.0
    """At ratio 1 the weight is this many times A; None: no advantage in this loss."""
    smooth: bool = False
    """The per-token loss has no stop-gradient, so that finite differences see its gradient."""
    pure: bool = True
    """The function of the contract itself, not an adapter to [B, T]."""

    def arguments(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        parameters = inspect.signature(self.loss).parameters
        return {
            name: value
            for name, value in data.items()
            if name in parameters
            and (parameters[name].default is inspect.Parameter.empty or name in self.extra)
        }

    def __call__(self, **arguments: Tensor) -> TokenLoss:
        first, *rest = (
            arguments.pop(name)
            for name, p in inspect.signature(self.loss).parameters.items()
            if p.kind is p.POSITIONAL_OR_KEYWORD and name in arguments
        )
        return self.loss(first, *rest, **arguments, **self.settings)


def troll_of_a_token(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, **settings
) -> TokenLoss:
    """TROLL as a function of the sampled token's log-prob, all other tokens keeping their
    proportions."""
    tokens = torch.arange(mask.shape[1]).expand(mask.shape) % V
    sampled = torch.nn.functional.one_hot(tokens, V).bool()
    shape = torch.randn(V, generator=torch.Generator().manual_seed(0), dtype=D).expand(
        *mask.shape, V
    )
    shape = shape.masked_fill(sampled, -math.inf).log_softmax(-1)

    def whole(x: Tensor) -> Tensor:
        inside = x.masked_fill(~mask, -1.0).unsqueeze(-1)
        others = log1mexp(inside) + shape.to(x.dtype).masked_fill(sampled, 0.0)
        full = torch.where(sampled, inside, others).to(x.dtype)
        return torch.where(mask.unsqueeze(-1), full, x.detach().unsqueeze(-1).expand_as(full))

    return algorithms.troll_loss(
        whole(logp), whole(logp_old), tokens=tokens, advantages=advantages, mask=mask, **settings
    )


def penalty_of_a_token(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, beta: float
) -> TokenLoss:
    """PPO's penalty as a function of the sampled token's log-prob, all other tokens keeping their
    proportions: between such distributions KL(q || π) is that of the token against all others."""
    loss = algorithms.pg_is_loss(logp, logp_old, advantages=advantages, mask=mask)
    p, q = (x.masked_fill(~mask, -1.0).to(loss.per_token.dtype) for x in (logp, logp_old.detach()))
    divergence = binary_kl(q, p).masked_fill(~mask, 0.0)
    return add_penalty(loss, logp, logp_old, divergence, mask=mask, beta=beta)


a = algorithms
CASES = {
    "reinforce": Case(a.reinforce_loss, smooth=True),
    "pg_is": Case(a.pg_is_loss, smooth=True),
    "ppo": Case(a.ppo_loss, smooth=True),
    "ppo dual clip": Case(a.ppo_loss, {"eps_high": 0.28, "dual_clip": 3.0}, smooth=True),
    "ppo closed": Case(a.ppo_loss, {"eps_low": 0.0, "eps_high": 0.0}, smooth=True),
    "gspo": Case(a.gspo_loss),
    "gspo wide": Case(a.gspo_loss, {"eps_low": 0.3, "eps_high": 0.5}),
    "cispo": Case(a.cispo_loss),
    "cispo upper": Case(a.cispo_loss, {"eps_low": None}),
    "sapo": Case(a.sapo_loss, smooth=True),
    "gmpo": Case(a.gmpo_loss, smooth=True),
    "pspo": Case(a.pspo_loss, {"alpha": 0.1}, on_policy=0.9, smooth=True),
    "dppo tv": Case(a.dppo_loss, {"delta_tv": 0.15}),
    "dppo kl": Case(a.dppo_loss, {"delta_kl": (0.02, 0.05), "max_ratio": 3.0}),
    "dppo measured": Case(a.dppo_loss, {"delta_kl": 0.05}, extra=("measured",)),
    "dppo recomputed": Case(a.dppo_loss, {"delta_tv": 0.15}, extra=("logp_anchor",)),
    "quatro ratio": Case(a.quatro_loss, on_policy=None),
    "quatro exact": Case(a.quatro_loss, {"form": "exact"}, on_policy=None),
    "quatro regression": Case(a.quatro_loss, {"form": "regression"}, on_policy=None),
    "ppo penalty": Case(penalty_of_a_token, {"beta": 0.7}, smooth=True, pure=False),
    "troll": Case(troll_of_a_token, pure=False),
    "troll regression": Case(
        troll_of_a_token, {"delta_kl": 0.0, "alpha": 0.5}, on_policy=None, pure=False
    ),
    "trsft": Case(a.trsft_loss, on_policy=None),
}
GIVEN = ("logp", "logp_old", "logp_rollout", "advantages", "mask", "rewards", "group")
"""The arguments that `data` below has for every loss; one that needs others is adapted above."""


def unlisted() -> dict[str, Case]:
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
ANCHORED = [
    name
    for name, case in CASES.items()
    if len(inspect.signature(case.loss).parameters) > 3
    and "logp_old" in inspect.signature(case.loss).parameters
    and case.pure
]
PURE = [name for name, case in CASES.items() if case.pure]
every_loss = pytest.mark.parametrize("name", CASES)


def data(seed: int = 0, dtype: torch.dtype = D, b: int = 6, t: int = 5) -> dict[str, Tensor]:
    """Every argument that a token loss may take: ratios from far below to far above 1, both signs
    of A and a 0."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=D)

    logp = -0.05 - 1.5 * normal(b, t).abs()
    near = [(logp + 0.4 * normal(b, t)).clamp(max=-0.01) for _ in range(3)]
    mask = torch.rand(b, t, generator=generator) < 0.75
    mask[0], mask[1] = True, False
    advantages = normal(b, t)
    advantages[2] = advantages[2, 0]
    advantages[3, 1] = 0.0
    floats = {
        "logp": logp,
        "logp_old": near[0],
        "logp_rollout": near[0],
        "logp_anchor": near[1],
        "measured": 0.1 * normal(b, t).abs(),
        "advantages": advantages,
        "rewards": normal(b).round(),
    }
    return {name: value.to(dtype) for name, value in floats.items()} | {
        "mask": mask,
        "group": torch.arange(b) // 2,
    }


def gradient(case: Case, arguments: dict[str, Tensor]) -> tuple[TokenLoss, Tensor]:
    logp = arguments["logp"].detach().clone().requires_grad_()
    result = case(**(arguments | {"logp": logp}))
    return result, torch.autograd.grad(result.per_token.sum(), logp)[0]


@every_loss
@pytest.mark.parametrize("seed", range(4))
def test_autograd_is_minus_the_weight(name, seed):
    arguments = CASES[name].arguments(data(seed))
    result, grad = gradient(CASES[name], arguments)
    torch.testing.assert_close(grad, -result.diagnostics["weight"], rtol=1e-12, atol=1e-12)
    assert result.diagnostics["weight"].abs().max() > 0.1


@every_loss
def test_diagnostics(name):
    arguments = CASES[name].arguments(data())
    result, _ = gradient(CASES[name], arguments)
    mask = arguments["mask"]
    names = {"kept", "weight"} | (set() if name == "trsft" else {"ratio"})
    assert names <= set(result.diagnostics) and ("ratio" in result.diagnostics) == (name != "trsft")
    for value in result.diagnostics.values():
        assert value.shape == mask.shape and not value.requires_grad and not value.isnan().any()
    assert result.diagnostics["kept"].dtype == torch.bool
    assert not result.diagnostics["kept"][~mask].any()
    assert (result.per_token[~mask] == 0).all() and (result.diagnostics["weight"][~mask] == 0).all()
    if name != "troll regression":  # silenced, yet pulled to its projection
        assert (result.diagnostics["weight"][~result.diagnostics["kept"]] == 0).all()
    if "ratio" in names:
        assert (result.diagnostics["ratio"][~mask] == 1).all()
    old = arguments.get("logp_old", arguments.get("logp_rollout"))
    if old is not None and CASES[name].pure:
        torch.testing.assert_close(
            result.diagnostics["ratio"][mask], (arguments["logp"] - old).exp()[mask]
        )


@every_loss
@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf, 1e30])
def test_what_is_masked_does_not_exist(name, junk):
    case, clean = CASES[name], CASES[name].arguments(data())
    mask = clean["mask"]
    dirty = {
        k: v.masked_fill(~mask, junk) if v.shape == mask.shape and v.is_floating_point() else v
        for k, v in clean.items()
    }
    (expected, expected_grad), (result, grad) = gradient(case, clean), gradient(case, dirty)
    assert torch.equal(result.per_token, expected.per_token) and torch.equal(grad, expected_grad)
    assert (grad[~mask] == 0).all()
    for key, value in result.diagnostics.items():
        assert torch.equal(value, expected.diagnostics[key]), key


@every_loss
@pytest.mark.parametrize("how", AGGREGATIONS)
def test_nothing_unmasked(name, how):
    arguments = CASES[name].arguments(data())
    mask = torch.zeros_like(arguments["mask"])
    logp = torch.full_like(arguments["logp"], math.nan).requires_grad_()
    result = CASES[name](**(arguments | {"mask": mask, "logp": logp}))
    total = aggregate(result.per_token, mask, how, horizon=9)
    (grad,) = torch.autograd.grad(total, logp)
    assert total.item() == 0 and (grad == 0).all() and not result.diagnostics["kept"].any()


@every_loss
def test_padding_and_order_do_not_matter(name):
    case, arguments = CASES[name], CASES[name].arguments(data())
    result, grad = gradient(case, arguments)
    # Whole prompts change places, and so do the tokens of a row, with new padding between them.
    rows = torch.tensor([4, 5, 1, 0, 3, 2])
    columns = torch.tensor([3, -1, 0, 4, -1, 2, 1])

    def move(x: Tensor, fill: float) -> Tensor:
        x = x[rows]
        return (
            x
            if x.dim() == 1
            else torch.where(columns >= 0, x[:, columns], torch.full((), fill).to(x))
        )

    moved = {
        key: move(value, 0 if value.dtype == torch.bool else math.nan)
        for key, value in arguments.items()
    }
    if not case.pure:
        rows, columns = torch.arange(6), torch.tensor([0, 1, 2, 3, 4, -1, -1])
        moved = {
            key: move(value, 0 if value.dtype == torch.bool else math.nan)
            for key, value in arguments.items()
        }
    moved_result, moved_grad = gradient(case, moved)
    torch.testing.assert_close(
        moved_result.per_token, move(result.per_token, 0), rtol=1e-12, atol=1e-14
    )
    torch.testing.assert_close(moved_grad, move(grad, 0), rtol=1e-12, atol=1e-14)


@every_loss
def test_a_batch_is_the_sum_of_its_parts(name):
    case, arguments = CASES[name], CASES[name].arguments(data())
    whole, _ = gradient(case, arguments)
    parts = [
        gradient(case, {k: v[rows] for k, v in arguments.items()})[0]
        for rows in (slice(0, 2), slice(2, 6))
    ]
    torch.testing.assert_close(
        torch.cat([p.per_token for p in parts]), whole.per_token, rtol=1e-12, atol=1e-14
    )
    for key, value in whole.diagnostics.items():
        torch.testing.assert_close(
            torch.cat([p.diagnostics[key] for p in parts]), value, rtol=1e-12, atol=1e-14
        )


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(name, dtype):
    arguments = CASES[name].arguments(data(dtype=dtype))
    result, grad = gradient(CASES[name], arguments)
    assert (
        result.per_token.dtype == result.diagnostics["weight"].dtype == torch.float32
        and grad.dtype == dtype
    )
    if CASES[name].pure:
        expected, expected_grad = gradient(
            CASES[name],
            {k: v.float() if v.is_floating_point() else v for k, v in arguments.items()},
        )
        assert torch.equal(result.per_token, expected.per_token)
        torch.testing.assert_close(grad, expected_grad.to(dtype))


@every_loss
def test_float64_is_kept_beside_narrower_types(name):
    arguments = CASES[name].arguments(data(dtype=torch.float32)) | {"logp": data()["logp"]}
    result, _ = gradient(CASES[name], arguments)
    assert result.per_token.dtype == result.diagnostics["weight"].dtype == D


@every_loss
def test_only_the_current_policy_has_a_gradient(name):
    arguments = {
        k: v.requires_grad_() if v.is_floating_point() and k != "logp" else v
        for k, v in CASES[name].arguments(data()).items()
    }
    result, _ = gradient(CASES[name], arguments)
    others = [v for v in arguments.values() if v.requires_grad]
    if others:
        assert torch.autograd.grad(result.per_token.sum(), others, allow_unused=True) == (
            None,
        ) * len(others)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.on_policy])
def test_at_ratio_one_it_is_reinforce(name):
    arguments = CASES[name].arguments(data())
    same = {
        k: arguments["logp"] for k in ("logp_old", "logp_rollout", "logp_anchor") if k in arguments
    }
    if name == "dppo measured":
        same["measured"] = torch.zeros_like(arguments["logp"])
    if name.startswith("gmpo"):  # its weight is the completion's mean advantage
        same["advantages"] = arguments["advantages"][:, :1].expand_as(arguments["logp"])
    arguments |= same
    result, grad = gradient(CASES[name], arguments)
    expected, expected_grad = gradient(CASES["reinforce"], CASES["reinforce"].arguments(arguments))
    torch.testing.assert_close(grad, CASES[name].on_policy * expected_grad, rtol=1e-12, atol=1e-14)
    assert torch.equal(result.diagnostics["kept"], expected.diagnostics["kept"])


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.smooth and name != "ppo closed"]
)
def test_gradcheck(name):
    arguments = CASES[name].arguments(data())

    def loss(logp: Tensor) -> Tensor:
        return CASES[name](**(arguments | {"logp": logp})).per_token

    assert torch.autograd.gradcheck(loss, (arguments["logp"].clone().requires_grad_(),), atol=1e-7)


@pytest.mark.parametrize("name", ANCHORED)
@pytest.mark.parametrize("far", [-300.0, 300.0])
def test_an_overflowing_ratio_makes_no_nan(name, far):
    """exp(300) is inf in float32: a token that is silenced or has A = 0 must not turn it into inf *
    0."""
    arguments = CASES[name].arguments(data(dtype=torch.float32))
    arguments["logp"] = torch.full_like(arguments["logp"], -0.5) + min(far, 0)
    arguments["logp_old"] = torch.full_like(arguments["logp"], -0.5) - max(far, 0)
    arguments["advantages"] = torch.zeros_like(arguments["logp"])
    result, grad = gradient(CASES[name], arguments)
    assert (
        (result.per_token == 0).all()
        and (grad == 0).all()
        and (result.diagnostics["weight"] == 0).all()
    )
    arguments["advantages"] = torch.full_like(arguments["logp"], math.copysign(1.0, far))
    result, grad = gradient(CASES[name], arguments)
    assert not grad.isnan().any() and not result.per_token.isnan().any()
    assert not result.diagnostics["weight"].isnan().any()


@pytest.mark.parametrize("name", ANCHORED)
def test_a_token_without_an_advantage_stays_out_of_an_overflow_beside_it(name):
    """Row 0 overflows wherever nothing bounds its ratio; its second token has A = 0 and its third
    is masked."""
    arguments = CASES[name].arguments(data(dtype=torch.float32))
    mask = arguments["mask"].clone()
    mask[0] = torch.tensor([True, True, False, True, True])
    logp, old, advantages = (
        torch.full_like(arguments["logp"], value) for value in (-0.5, -1e4, -1.0)
    )
    advantages[0, 1] = 0.0
    result, grad = gradient(
        CASES[name],
        arguments | {"logp": logp, "logp_old": old, "advantages": advantages, "mask": mask},
    )
    assert not result.per_token.isnan().any() and not grad.isnan().any()
    assert result.per_token[0, 1:3].tolist() == [0.0, 0.0] and grad[0, 1:3].tolist() == [0.0, 0.0]
    assert result.diagnostics["weight"][0, 1:3].tolist() == [0.0, 0.0]
    for how in AGGREGATIONS:
        assert not aggregate(
            result.per_token.detach().clamp(max=1e30), mask, how, horizon=9
        ).isnan()


def bad_inputs() -> list[tuple[str, str, str]]:
    """(loss, argument, fault) for every tensor argument of every loss."""
    faults = ("list", "integer", "shape", "row", "nan", "inf", "empty batch", "no tokens")
    return [
        (name, argument, fault)
        for name in PURE
        for argument, value in CASES[name].arguments(data()).items()
        if value.is_floating_point() and value.dim() == 2
        for fault in faults
    ]


@pytest.mark.parametrize(("name", "argument", "fault"), bad_inputs())
def test_bad_tensors_are_named(name, argument, fault):
    arguments = CASES[name].arguments(data())
    value = arguments[argument]
    wrong = value.clone()
    wrong[0, 2] = {"nan": math.nan, "inf": math.inf}.get(fault, 0.0)
    wrong = {
        "list": value.tolist(),
        "integer": value.long(),
        "shape": value[:, :-1],
        "row": value[:, 0],
        "empty batch": value[:0],
        "no tokens": value[:, :0],
    }.get(fault, wrong)
    error = TypeError if fault in ("list", "integer") else ValueError
    with pytest.raises(error) as caught:
        CASES[name](**(arguments | {argument: wrong}))
    said = str(caught.value)
    # A wrong width of the first argument shows in the first that differs from it.
    named = {argument, "mask"} if argument == "logp" and fault == "shape" else {argument}
    assert said.split(":")[0] in named and "expected" in said and "got" in said
    got = {
        "list": "list",
        "integer": "torch.int64",
        "nan": "got nan at [0, 2]",
        "inf": "got inf at [0, 2]",
        "row": "[6]",
        "shape": "[6, 4]" if "mask" not in said else "[6, 5]",
        "empty batch": "[0, 5]",
        "no tokens": "[6, 0]",
    }
    assert got[fault] in said


@pytest.mark.parametrize("name", PURE)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: m.float(), TypeError, "mask: expected torch.bool, got torch.float32"),
        (lambda m: m.int(), TypeError, "mask: expected torch.bool, got torch.int32"),
        (lambda m: m.tolist(), TypeError, "mask: expected a tensor of torch.bool, got list"),
        (lambda m: m[:, 0], ValueError, r"mask: expected \[B, T\] = \[6, 5\], got \[6\]"),
        (lambda m: m[:3], ValueError, r"mask: expected \[B, T\] = \[6, 5\], got \[3, 5\]"),
        (lambda m: None, TypeError, "mask: expected a tensor of torch.bool, got NoneType"),
    ],
)
def test_bad_masks_are_named(name, change, error, message):
    arguments = CASES[name].arguments(data())
    with pytest.raises(error, match=message):
        CASES[name](**(arguments | {"mask": change(arguments["mask"])}))


@pytest.mark.parametrize("name", PURE)
def test_value_checks_can_be_switched_off_but_not_the_shapes(name):
    arguments = CASES[name].arguments(data())
    bad = arguments["logp"].clone()
    bad[0, 0] = math.nan
    with checks.value_checks(False):
        assert CASES[name](**(arguments | {"logp": bad})).per_token[0].isnan().any()
        with pytest.raises(ValueError, match=r"mask: expected \[B, T\]"):
            CASES[name](**(arguments | {"mask": arguments["mask"][:3]}))


NAN = math.nan
BAD_SETTINGS = {
    "ppo": [
        ("eps_low", -0.1),
        ("eps_low", 1.1),
        ("eps_high", -0.1),
        ("eps_high", NAN),
        ("eps_low", "a"),
        ("dual_clip", 1.0),
        ("dual_clip", NAN),
        ("eps_high", None),
    ],
    "gspo": [
        ("eps_low", -1e-4),
        ("eps_low", 2),
        ("eps_high", -1e-4),
        ("eps_high", NAN),
        ("eps_low", None),
    ],
    "cispo": [
        ("eps_low", -0.1),
        ("eps_low", 1.1),
        ("eps_high", -0.1),
        ("eps_high", NAN),
        ("eps_high", None),
    ],
    "sapo": [("tau_pos", 0.0), ("tau_neg", -1), ("tau_pos", NAN), ("tau_neg", "1")],
    "gmpo": [("eps_log", -0.1), ("eps_log", NAN), ("eps_log", None)],
    "pspo": [("alpha", -0.1), ("alpha", 1.0), ("alpha", NAN), ("alpha", True)],
    "dppo tv": [
        ("delta_tv", -0.1),
        ("delta_tv", 1.1),
        ("delta_tv", NAN),
        ("delta_kl", 0.1),
        ("max_ratio", 0.5),
    ],
    "quatro ratio": [
        ("delta_kl", 0.0),
        ("delta_kl", -1),
        ("lambda_min", 0.0),
        ("form", "other"),
        ("form", None),
    ],
    "trsft": [("alpha", 0.0), ("alpha", -0.1), ("alpha", 1.1), ("alpha", NAN)],
}


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [(n, s, v) for n, faults in BAD_SETTINGS.items() for s, v in faults],
)
def test_a_meaningless_threshold_is_named(name, setting, value):
    case = CASES[name]
    error = TypeError if isinstance(value, bool | None | str) and value != "other" else ValueError
    with pytest.raises(error, match=rf"{setting}\b.*: expected"):
        Case(case.loss, case.settings | {setting: value}, case.extra)(**case.arguments(data()))
