"""Checks that run what the reader built: what a wrong loss hears where no typical mistake explains
it."""

import pytest

from trbook.exercises import dppo, quatro
from trlib.algorithms import ppo_loss

FAULTS = {"dppo": dppo.check_fault, "quatro": quatro.check_fault}


def masked(logp, logp_mu, A, mask, delta, cap):
    p, q = logp.detach().exp(), logp_mu.exp()
    kept = ~(((p - q).abs() > delta) & ((p > q) == (A > 0)))
    return -((p / q).clamp(max=cap) * A * kept * logp)[mask].mean()


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda *a: a[0], "a loss is one number, but your function returns the shape [128, "),
        (lambda *a: a[0].detach().sum(), "no gradient reaches `logp`"),
        (lambda *a: masked(*a) + a[0][~a[3]].sum(), "it should be 0 but is not: padding"),
        (lambda logp, *a: masked(logp, *a[:3], 0.15, a[4]), "`delta` makes no difference"),
        (
            lambda logp, *a: masked(logp, *a[:3], 0.9 * a[3], a[4]),
            "Until update 1 your gradient is the library's",
        ),
        (
            lambda logp, mu, A, mask, delta, cap: (
                ppo_loss(logp, mu, advantages=A, mask=mask).per_token.sum() / mask.sum()
            ),
            "At update 2 it is off at",
        ),
    ],
)
def test_any_other_wrong_loss_hears_where_it_is_off(answer, hint):
    verdict = dppo.check_objective(answer)
    assert not verdict and hint in verdict.message, verdict


@pytest.mark.parametrize("check", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_and_every_other_word_hears_what_speaks_against_it(check):
    assert check(check.right) and check(f" {check.right.upper()} ")
    assert (
        all(check(word).message == hint for word, hint in check.wrong.items())
        and len(check.wrong) == 4
    )
    assert (
        "one of the words" in check("nothing").message
        and "this is still empty" in check(...).message
    )
    assert "this is an int" in check(1).message and "It is called with one of" in check().message
