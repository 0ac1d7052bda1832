"""The exercise of *Tasks of your own*: a verifier that cannot be talked into a reward, first tried
and then used in training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import trlib
from trbook.exercises.attempt import Attempt
from trbook.exercises.verdict import NotYet, kind, raised
from trlib.tasks import Prompt, Spend, Verdict

PARTIAL = 0.2
"""The reward of an exact payment with an even coin."""
CASES: tuple[tuple[int, str, bool, str], ...] = (
    (
        12,
        "-9 3 -3 0",
        True,
        "12 is paid in the odd coins 9 and 3, and every sum is right: that is a reward of 1.",
    ),
    (
        12,
        "-8 4 -3 1 -1 0",
        True,
        "12 is paid, but 8 is even: the reward is the partial credit, 0.2.",
    ),
    (
        12,
        "-9 3 -1 0",
        True,
        "the completion says 0, and 12 - 9 - 1 is 2: do the sums yourself, and believe nothing.",
    ),
    (
        12,
        "-9 4 -3 0",
        True,
        "12 - 9 is 3 and not 4: a wrong sum on the way is wrong, even if the last number is 0.",
    ),
    (
        12,
        "-9 3 0",
        True,
        "the last 0 follows no coin: three words make no pairs. Did a `zip` drop the last one?",
    ),
    (
        12,
        "-9 3 -3 0",
        False,
        "`ended` is False: the completion was cut off, so it is not a payment yet.",
    ),
    (12, "-9 3", True, "3 is left over: that is not paid."),
    (12, "", True, "an empty completion pays nothing, and must not raise an error."),
    (
        12,
        ": bust",
        True,
        "`:` is not a coin. A policy that explores writes anything: your verifier must not raise.",
    ),
    (12, "9 3 -3 0", True, "a coin is written with its minus sign: `9` is not a coin."),
    (9, "-7 2 -9 bust", True, "more is spent than there was: the reward is 0."),
    (
        12,
        "-15 bust 3 0",
        True,
        "`-15` is not a coin in the vocabulary, and 3 is not a payment: the reward is 0.",
    ),
)


def reference(prompt: Prompt, completion: str, ended: bool) -> Verdict:
    """The reference: the task's own verifier says whether it is paid, and then the coins are looked
    at."""
    paid = Spend().verify(prompt, completion, ended=ended)
    if paid.reason != "right":
        return paid
    odd = all(int(coin) % 2 for coin in completion.split()[::2])
    return Verdict(1.0, "right") if odd else Verdict(PARTIAL, "an even coin")


@dataclass(frozen=True)
class Odd:
    """Pay an amount in odd coins, judged by a function."""

    name: ClassVar[str] = "odd"
    verifier: Callable[[Prompt, str, bool], Verdict]
    max_tokens: int = 24

    @property
    def settings(self) -> dict[str, Any]:
        return {"name": self.name, "max_tokens": self.max_tokens}

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        return Spend(amount=(8, 16)).prompts(n, seed=seed)

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        return self.verifier(prompt, completion, ended)


def _tried(answer: Callable[..., Any]) -> str:
    """Judges completions, then four batches of training."""
    for amount, completion, ended, hint in CASES:
        prompt = Prompt(f"{amount} :", "0", amount)
        wanted, got = (
            reference(prompt, completion, ended),
            _asked(answer, prompt, completion, ended),
        )
        if not math.isclose(got.reward, wanted.reward, abs_tol=1e-6):
            raise NotYet(
                f"`{prompt.text} {completion}` gets {got.reward:g} instead of {wanted.reward:g}: "
                f"{hint}"
            )
        if (got.reason == "right") != (wanted.reason == "right"):
            raise NotYet(
                f"`{prompt.text} {completion}` has the reason {got.reason!r}: `evaluate` counts "
                "*right* and nothing else as right, so the reason is *right* if the reward is 1, "
                "and another one if it is not."
            )
    yours, ours = _rewards(answer), _rewards(reference)
    if yours != ours:
        raise NotYet(
            "your verifier is right on the tried completions, but in training it differs from "
            f"ours: mean rewards {_listed(yours)} instead of {_listed(ours)}."
        )
    return (
        f"nothing among {len(CASES)} completions talked it into a reward, and four batches of "
        f"`spend` were judged as we judge them: mean rewards {_listed(yours)}. Partial credit is "
        "worth more than it looks here: at first hardly anything has the reward 1."
    )


check_verifier = Attempt(
    "Does `verify(prompt, completion, ended)` give 1 for odd coins that pay exactly, 0.2 where one "
    "is even, else 0?",
    _tried,
)


def _asked(answer: Callable[..., Any], prompt: Prompt, completion: str, ended: bool) -> Verdict:
    """The reader's verdict, or a hint."""
    try:
        got = answer(prompt, completion, ended)
    except Exception as error:
        raise NotYet(f"on `{prompt.text} {completion}`: {raised(error, answer)}") from None
    if got is None or got is ...:
        raise NotYet(
            "your function returns nothing; `return Verdict(1.0, 'right')` is what the loop wants."
        )
    if not isinstance(got, Verdict):
        raise NotYet(f"expected a `Verdict(reward, reason)`, got {kind(got)}.")
    return got


def _rewards(judge: Callable[[Prompt, str, bool], Verdict]) -> list[float]:
    """The mean rewards of four batches of training."""
    task: Any = Odd(judge)  # without demonstrations, which GRPO does not ask for
    run = trlib.train(
        trlib.load_policy("spend"),
        task,
        trlib.algorithms.GRPO(),
        steps=4,
        prompts=4,
        group=8,
        lr=1e-3,
        seed=0,
        progress=False,
    )
    return [round(reward, 6) for reward in run.history["reward"].tolist()]


def _listed(rewards: list[float]) -> str:
    return ", ".join(f"{reward:.2f}" for reward in rewards)
