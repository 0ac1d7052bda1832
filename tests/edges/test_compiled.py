"""torch.compile takes every loss of tokens, most of them whole: one graph, the same numbers, the
same gradient. QUATRO and TROLL choose rows by their values, which breaks the graph."""

from functools import partial

import pytest
import torch

from tests.by_day import by_day
from tests.laws import CASES
from tests.losses import close, slope, tokens
from trlib import algorithms, checks


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    with checks.value_checks(False):
        yield


def assert_same(loss, whole, first, *others, **named):
    """Compiled, in one graph if `whole`, forward and backward: per token, diagnostics and gradient
    as without."""
    results = []
    for call in (loss, torch.compile(loss, fullgraph=whole, backend="aot_eager")):
        x = first.clone().requires_grad_()
        result = call(x, *others, **named)
        results.append([result.per_token, slope(result.per_token, x), *result.diagnostics.values()])
    for plain, compiled in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-12, atol=1e-12, equal_nan=True)


SAME_CODE = {"ppo closed", "gspo wide", "dppo kl", "quatro regression"}
"""As another case, but for a number."""
LOSSES = [name for name, case in CASES.items() if case.pure and name not in SAME_CODE]


def assert_case_same(case, whole=True):
    arguments = case.arguments(tokens())
    logp, *others = (
        arguments.pop(k) for k in ("logp", "logp_old", "logp_rollout") if k in arguments
    )
    assert_same(partial(case.loss, **case.settings), whole, logp, *others, **arguments)


@pytest.mark.parametrize("name", by_day(LOSSES, later=["gspo"], reason="compiles every loss"))
def test_every_loss_of_a_tokens_log_prob(name):
    assert_case_same(CASES[name], whole=not name.startswith("quatro"))


def test_what_is_compiled_has_no_value_checks_even_where_they_are_on():
    values = tokens()
    arguments = [values["logp"], values["logp_old"]], {k: values[k] for k in ("advantages", "mask")}
    with checks.value_checks(True):
        compiled = torch.compile(algorithms.ppo_loss, fullgraph=True, backend="eager")
        plain = algorithms.ppo_loss(*arguments[0], **arguments[1])
        close(compiled(*arguments[0], **arguments[1]).per_token, plain.per_token)
