"""Checks: every error names the argument, what was expected and what came."""

import math

import pytest
import torch

from tests.losses import D, refused
from trbook.scale.meter import peak_bytes
from trlib import checks


def test_value_checks_switch_off_and_come_back():
    bad = torch.tensor([math.nan])
    assert checks.values_checked()
    with checks.value_checks(False):
        assert not checks.values_checked()
        checks.finite("x", bad)
        checks.log_probabilities("x", bad)
        checks.token_log_probabilities("x", bad)
        checks.inside("x", torch.tensor([-1]), 3)
        with checks.value_checks(True), pytest.raises(ValueError):
            checks.finite("x", bad)
        assert not checks.values_checked()
    with pytest.raises(RuntimeError), checks.value_checks(False):
        raise RuntimeError
    assert checks.values_checked()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, D])
def test_a_rounded_distribution_passes(dtype):
    uniform = torch.full((2, 50_000), -math.log(50_000), dtype=dtype)
    checks.log_probabilities("p", uniform)
    refused(r"p: expected normalised", checks.log_probabilities, "p", uniform + 0.2)


def test_a_forgotten_sign_is_named_where_the_mask_is_true():
    mask = torch.tensor([[True, False]])
    checks.tokens(mask, logp=torch.tensor([[0.0, 5.0]]), advantages=torch.tensor([[5.0, 5.0]]))
    checks.tokens(
        mask,
        logp=torch.tensor([[5e-4, -1.0]]),
        logp_old=torch.tensor([[0.05, -1]], dtype=torch.bfloat16),
    )
    refused(
        r"logp_old: expected log-probabilities at most 0, got 0.5 at \[0, 0\]$",
        checks.tokens,
        mask,
        logp=torch.tensor([[-1.0, -1.0]]),
        logp_old=torch.tensor([[0.5, -1.0]]),
    )
    with checks.value_checks(False):
        checks.tokens(mask, logp=torch.tensor([[0.5, -1.0]]))


def test_a_whole_number_is_one_and_nothing_near_it():
    assert checks.whole("k", 3, least=1) == 3
    assert checks.whole("k", 2**63 - 1, least=1) == 2**63 - 1
    for value, message in (
        (2.0, "k: expected a whole number, got 2.0"),
        (0, "k: expected a whole number of at least 1, got 0"),
        (math.inf, "k: expected a whole number, got inf"),
        (10**400, "k: expected a whole number that a float can hold"),
        (2**63, "k: expected a whole number from 1 to 9223372036854775807, got 922337203"),
    ):
        refused(message, checks.whole, "k", value, least=1)
    message = "k: expected a whole number from 1 to 3, got 4$"
    refused(message, checks.whole, "k", 4, least=1, most=3)


def test_finite_makes_no_mask_of_what_is_finite():
    output_layer = torch.randn(1000, 64)
    assert peak_bytes(lambda: checks.finite("weight", output_layer)) < 64, (
        "as many bytes as numbers, and more, before"
    )
