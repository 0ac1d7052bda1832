"""The embedded task `spend`: spend an amount to the last coin.

A prompt gives an amount; the completion spends it coin by coin, naming after each spending what is left, and must
land exactly on 0. Who spends more than is left is bust:

    prompt      37 :
    right       -9 28 -5 23 -8 15 -9 6 -6 0
    bust        -9 28 -9 19 -9 10 -4 6 -8 bust

Every prompt has many right completions: an amount of 12 has 2,040, one of 20 half a million. The base model has read
people who spend at random, any amount from 1 to 9 alike, and so lands on 0 about one time in five. A policy improves
by looking at what is left before it spends; how much of its freedom it gives up on the way is what pass@k, the number
of different right answers and entropy tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar

from trlib.tasks import knobs
from trlib.tasks.knobs import draw, span, stream, whole
from trlib.tasks.task import Prompt, Verdict, check_asked

LARGEST = 99
"""The largest amount that the vocabulary holds."""
MOST = 9
"""The largest spending that it holds."""
BUST = "bust"

WORDS: tuple[str, ...] = (":", BUST, *(f"-{k}" for k in range(1, MOST + 1)), *map(str, range(LARGEST + 1)))
"""The vocabulary, special tokens aside."""


@dataclass(frozen=True)
class Spend:
    """The task and its knobs. The shipped checkpoint was made for the defaults."""

    name: ClassVar[str] = "spend"
    words: ClassVar[tuple[str, ...]] = WORDS
    varied: ClassVar[str] = "amount"

    amount: int | tuple[int, int] = (12, 40)
    """What there is to spend; a pair (low, high): drawn for each prompt, both ends included. It is the difficulty."""
    most: int = MOST
    """The largest single spending; the smallest is 1."""
    max_tokens: int = 32
    """The token limit of a completion, its end token included."""

    def __post_init__(self) -> None:
        knobs.settle(self)
        _, high = self.span
        whole("most", self.most, 1, MOST)
        whole("max_tokens", self.max_tokens, 1)
        least = 2 * -(-high // self.most) + 1
        if self.max_tokens < least:
            raise ValueError(
                f"max_tokens: expected at least {least} for {high} spent by {self.most} at most (two "
                f"tokens a spending, and the end), got {self.max_tokens}"
            )

    @property
    def span(self) -> tuple[int, int]:
        """The smallest and the largest amount of a prompt."""
        return span("amount", self.amount, 1, LARGEST)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that defines the task, as JSON can hold it: `load_task(**task.settings)` is the same task."""
        return knobs.settings(self)

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        """The first `n` prompts of a seed: the first ten of a hundred are the ten."""
        whole("n", n, 0)
        random = stream(self.name, "prompts", seed)
        return [self._prompt(random) for _ in range(n)]

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str]:
        """An expert's completion of each prompt: any spending that leaves a way to 0 within the limit, each alike."""
        random = stream(self.name, "demonstrations", seed)
        return [self._exact(_amount(prompt), random) for prompt in prompts]

    def corpus(self, *, seed: int, part: int = 1) -> Iterator[tuple[Prompt, str]]:
        """What the base model reads, without end: spendings from 1 to `most`, each alike, to 0 or bust.

        `part`: another number, another stream. None has the prompts of `prompts`.
        """
        random = stream(self.name, f"corpus {part}", seed)
        while True:
            prompt = self._prompt(random)
            words = self._at_random(_amount(prompt), random)
            if len(words) < self.max_tokens:
                yield prompt, " ".join(words)

    def lessons(self, *, seed: int) -> tuple[Iterator[tuple[Prompt, str]], Iterator[tuple[Prompt, str]]]:
        """The same corpus twice: there is one habit only."""
        return self.corpus(seed=seed, part=1), self.corpus(seed=seed, part=2)

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """Spendings are choices; what is left follows."""
        return [word.startswith("-") for word in words]

    def habits(self, completion: str) -> dict[str, bool]:
        """Whether it ends bust."""
        return {BUST: completion.endswith(BUST)}

    @property
    def usual(self) -> Spend:
        """The task itself."""
        return self

    @property
    def levels(self) -> dict[int, Spend]:
        """Five amounts, evenly spaced."""
        low, high = self.span
        amounts = dict.fromkeys(low + (high - low) * step // 4 for step in range(5))
        return {amount: replace(self, amount=amount) for amount in amounts}

    @property
    def story(self) -> str:
        """What the base model has read, and what it does."""
        return (
            f"It has read people who spend at random, anything from 1 to {self.most} alike, and who say each time "
            f"what is\nleft. So it lands exactly on 0 as often as chance has it, about once in "
            f"{(self.most + 1) / 2:g} times. Reinforcement learning\nmakes it look at what is left before it "
            f"spends. An amount of 12 has 2,040 right completions, one of 20 half a million."
        )

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """Reward and reason of a completion (decoded, without the end token); `ended`: the end token was sampled.

        Right is a completion that is right in every step and lands on 0. The first thing that is wrong, from the
        left, is the reason; "wrong answer" is right arithmetic that does not land on 0.
        """
        check_asked(prompt, completion, ended)
        left, most = _amount(prompt), self.most
        if not ended:
            return Verdict(0.0, "no end", "the token limit came before the end token")
        words = completion.split()
        if not words or len(words) % 2:
            return Verdict(0.0, "bad format", "expected pairs of a spending and what is left")
        for i, (spent, said) in enumerate(zip(words[::2], words[1::2], strict=True)):
            if not spent.startswith("-") or not _is_number(spent[1:]) or not 1 <= int(spent[1:]) <= most:
                return Verdict(0.0, "bad format", f"expected a spending from -1 to -{most}, got {spent}")
            if said != BUST and not _is_number(said):
                return Verdict(0.0, "bad format", f"expected what is left after {spent}, got {said}")
            after = left + int(spent)
            if said != (str(after) if after >= 0 else BUST):
                return Verdict(
                    0.0, "bad arithmetic", f"{left} {spent} leaves {after if after >= 0 else BUST}, not {said}"
                )
            if after < 0 and 2 * i + 2 < len(words):
                return Verdict(0.0, "bad format", f"{words[2 * i + 2]} is written after {BUST}")
            left = after
        if left == 0:
            return Verdict(1.0, "right")
        return Verdict(0.0, "wrong answer", f"{left} is left" if left > 0 else f"{-left} more spent than there was")

    def _prompt(self, random: Random) -> Prompt:
        low, high = self.span
        amount = low + draw(random, high - low + 1)
        return Prompt(f"{amount} :", "0", amount)

    def _exact(self, left: int, random: Random) -> str:
        words: list[str] = []
        for spendings in range((self.max_tokens - 1) // 2, 0, -1):
            least = max(1, left - self.most * (spendings - 1))
            spent = least + draw(random, min(self.most, left) - least + 1)
            left -= spent
            words += [f"-{spent}", str(left)]
            if left == 0:
                break
        return " ".join(words)

    def _at_random(self, left: int, random: Random) -> list[str]:
        words: list[str] = []
        while left > 0:
            spent = 1 + draw(random, self.most)
            left -= spent
            words += [f"-{spent}", str(left) if left >= 0 else BUST]
        return words


def _amount(prompt: Prompt) -> int:
    words = prompt.text.split()
    if len(words) != 2 or words[1] != ":" or not _is_number(words[0]) or int(words[0]) < 1 or (prompt.answer != "0"):
        raise ValueError(
            f"prompt: expected an amount and `:` as in '37 :' and the answer '0', got {prompt.text!r} and "
            f"{prompt.answer!r}"
        )
    return int(words[0])


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()
