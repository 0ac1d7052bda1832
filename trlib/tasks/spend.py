"""The embedded task `spend`: spend an amount to the last coin.

A prompt gives an amount; the completion spends it coin by coin, naming after each spending what is
left, and must land exactly on 0. A completion that spends more than is left is bust:

    prompt      37 :
    right       -9 28 -5 23 -8 15 -9 6 -6 0
    bust        -9 28 -9 19 -9 10 -4 6 -8 bust

Every prompt has many right completions: an amount of 12 has 2,040, one of 20 half a million. The
base model has read people who spend at random, each amount from 1 to 9 equally often, and so lands
on 0 about one time in five. A policy improves by looking at what is left before it spends. How much
of its freedom it gives up on the way shows in pass@k, the number of different right answers and
entropy."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from trlib.arguments import setting
from trlib.tasks import knobs
from trlib.tasks.knobs import draw, is_number, span, stream
from trlib.tasks.task import NO_END, Prompt, Verdict, check_asked

LARGEST = 99  #: The largest amount that the vocabulary holds.
MOST = 9  #: The largest spending that it holds.
BUST = "bust"
WORDS: tuple[str, ...] = (
    ":",
    BUST,
    *(f"-{k}" for k in range(1, MOST + 1)),
    *map(str, range(LARGEST + 1)),
)
"""The vocabulary, special tokens aside."""


@dataclass(frozen=True)
class Spend(knobs.Embedded):
    """Spend an amount coin by coin, down to exactly 0; every prompt has many right completions.

    The shipped model was made for the default amounts."""

    name: ClassVar[str] = "spend"
    amount: int | tuple[int, int] = (12, 40)
    """What there is to spend, its difficulty. From a pair (low, high) it is drawn for each prompt,
    ends included."""
    most: int = setting(MOST, least=1, most=MOST)
    """The largest single spending; the smallest is 1."""
    max_tokens: int = setting(32, least=1)
    """The token limit of a completion, its end token included."""

    def __post_init__(self) -> None:
        knobs.validate(self)
        _, high = self.span
        least = 2 * -(-high // self.most) + 1
        if self.max_tokens < least:
            raise ValueError(
                f"max_tokens: expected at least {least} for {high} spent by {self.most} at most "
                f"(two tokens per spending, and the end), got {self.max_tokens}"
            )

    @property
    def span(self) -> tuple[int, int]:
        """The smallest and the largest amount of a prompt."""
        return span("amount", self.amount, 1, LARGEST)

    def draw_prompt(self, random: Random) -> Prompt:
        low, high = self.span
        amount = low + draw(random, high - low + 1)
        return Prompt(f"{amount} :", "0", amount)

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str]:
        """An expert's completion per prompt: spendings that leave a way to 0 within the limit are
        equally likely."""
        random = stream(self.name, "demonstrations", seed)
        return [self._exact(amount_of(prompt), random) for prompt in prompts]

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As in `Task`. A completion is right if every step is right and it lands on 0. The first
        thing that is wrong, from the left, is the reason; "wrong answer" is right arithmetic that
        does not land on 0."""
        check_asked(prompt, completion, ended)
        left, most = amount_of(prompt), self.most
        if not ended:
            return NO_END
        words = completion.split()
        if not words or len(words) % 2:
            return Verdict(0.0, "bad format", "expected pairs of a spending and what is left")
        for i, (spent, stated) in enumerate(zip(words[::2], words[1::2], strict=True)):
            if (
                not spent.startswith("-")
                or not is_number(spent[1:])
                or not 1 <= int(spent[1:]) <= most
            ):
                return Verdict(
                    0.0, "bad format", f"expected a spending from -1 to -{most}, got {spent}"
                )
            if stated != BUST and not is_number(stated):
                return Verdict(
                    0.0, "bad format", f"expected what is left after {spent}, got {stated}"
                )
            after = left + int(spent)
            true = str(after) if after >= 0 else BUST
            if stated != true:
                return Verdict(0.0, "bad arithmetic", f"{left} {spent} leaves {true}, not {stated}")
            if after < 0 and 2 * i + 2 < len(words):
                return Verdict(0.0, "bad format", f"{words[2 * i + 2]} is written after {BUST}")
            left = after
        if left == 0:
            return Verdict(1.0, "right")
        return Verdict(
            0.0,
            "wrong answer",
            f"{left} is left" if left > 0 else f"{-left} more spent than there was",
        )

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


def amount_of(prompt: Prompt) -> int:
    """The amount that a prompt gives. Raises ValueError: the prompt is not one of this task's."""
    words = prompt.text.split()
    if (
        len(words) != 2
        or words[1] != ":"
        or not is_number(words[0])
        or int(words[0]) < 1
        or (prompt.answer != "0")
    ):
        raise ValueError(
            "prompt: expected an amount and `:` as in '37 :' and the answer '0', got "
            f"{prompt.text!r} and {prompt.answer!r}"
        )
    return int(words[0])
