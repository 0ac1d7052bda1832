"""Chapters 5 and 6: what the reader built runs in the loop; a right loss learns, and each wrong one
hears why."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from trbook.exercises import clipping, grpo
from trbook.exercises.check import Mistake
from trbook.exercises.inside import InTheLoop

CHECKS = {
    "grpo": grpo.check_grpo_loss,
    "gspo": grpo.check_gspo,
    "corrected": clipping.check_corrected_loss,
}
MISTAKES = [(check, mistake) for check in CHECKS.values() for mistake in check.mistakes]


def whole(logp: Any, old: Any, rewards: Any, group: Any, mask: Any, low: float, high: float) -> Any:
    A = torch.stack([(r - rewards[group == g].mean()) / rewards[group == g].std().clamp(min=1e-4) for r, g in
                     zip(rewards, group, strict=True)])[:, None]  # fmt: skip
    r = (logp - old).exp()
    per_token = torch.where(A > 0, -A * r.clamp(max=1 + high), -A * r.clamp(min=1 - low))
    return (per_token * mask / mask.sum(1, keepdim=True)).sum() / len(logp)


def by_completion(logp: Any, old: Any, A: Any, mask: Any, low: float, high: float) -> Any:
    s = torch.stack(
        [(new - before)[own].mean() for new, before, own in zip(logp, old, mask, strict=True)]
    ).exp()
    return -torch.where(A > 0, s.clamp(max=1 + high), s.clamp(min=1 - low)).mul(A).mean()


def once(logp: Any, old: Any, mu: Any, A: Any, mask: Any, eps: float, cap: float) -> Any:
    r = (logp - old).exp()
    bounded = torch.where(A > 0, r.clamp(max=1 + eps), r.clamp(min=1 - eps))
    return -((old - mu).exp().clamp(max=cap) * bounded * A)[mask].mean()


RIGHT = {"grpo": whole, "gspo": by_completion, "corrected": once}


@pytest.mark.parametrize("name", CHECKS)
def test_a_loss_written_in_another_way_is_right_and_learns(name: str) -> None:
    verdict = CHECKS[name](RIGHT[name])
    assert verdict.right and "raised the mean reward from" in verdict.message, verdict


@pytest.mark.parametrize(
    ("check", "mistake"), MISTAKES, ids=lambda value: getattr(value, "name", "")
)
def test_every_mistake_gets_the_hint_of_its_own(check: InTheLoop, mistake: Mistake) -> None:
    assert check(mistake.function).message == mistake.hint


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_hints_differ(check: InTheLoop) -> None:
    assert len({mistake.hint for mistake in check.mistakes}) == len(check.mistakes) >= 13


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize(
    "answer",
    [
        None,
        "loss",
        0.5,
        lambda logp: logp.sum(),
        lambda *a: None,
        lambda *a: a[0],
        lambda *a: a[0].detach().sum(),
        lambda *a: a[0].sum() * torch.nan,
        lambda *a: "0.5",
        lambda *a: a[0].undefined,
    ],
)
def test_what_is_no_loss_is_refused(check: InTheLoop, answer: Any) -> None:
    verdict = check(answer)
    assert not verdict.right and len(verdict.message) > 10


def test_a_strange_log_is_named() -> None:
    assert grpo.check_logs(3, 1, 2) and clipping.check_logs(2, 3, 1)
    assert not grpo.check_logs(1, 2, 3) and not clipping.check_logs(1, 2, 3)


def test_the_strange_code_is_mended() -> None:
    def mended(rewards: Any, size: int) -> Any:
        table = rewards.reshape(-1, size).T
        return ((table - table.mean(0)) / (table.std(0) + 1e-6)).T.reshape(-1)

    assert grpo.check_mended(mended)
