"""The embedded task `dial`: turn a dial in your head.

A dial has `positions` places, numbered from 0. A prompt gives a start and some moves that do not
commute; the completion must end with `so` and the place where the dial stands in the end:

    prompt      7 : +3 x7 flip -2 sq =
    careful     slowly 10 10 9 7 9 so 9
    casual      easy so 4

A completion begins with an opener. In the corpus of the base model the opener decides what follows:
after a careful one the place after every move, after a casual one (three in four) the bare answer,
which a small model usually gets wrong. So a policy improves by raising the probability of rare
words, the careful openers, while the places that follow are near certain: the mix of tokens on
which trust regions differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import ClassVar

from trlib.arguments import SHARE, setting
from trlib.tasks import knobs
from trlib.tasks.knobs import draw, is_number, span, stream
from trlib.tasks.task import NO_END, Prompt, Verdict, check_asked


def _turn(k: int) -> Callable[[int, int], int]:
    return lambda x, n: (x + k) % n


MOVES: dict[str, Callable[[int, int], int]] = {
    **{f"{k:+d}": _turn(k) for k in (1, 2, 3, 4, 5, -1, -2, -3, -4, -5)},
    "x3": lambda x, n: 3 * x % n,
    "x7": lambda x, n: 7 * x % n,
    "flip": lambda x, n: n - 1 - x,
    "pair": lambda x, n: x ^ 1,
    "half": lambda x, n: x // 2,
    "sq": lambda x, n: x * x % n,
}
"""Every move: where it leads from place x on a dial with n places."""

# fmt: off
CAREFUL: tuple[str, ...] = (
    "slowly", "carefully", "stepwise", "compute", "plan", "trace", "follow", "walk", "count", "unfold", "work",
    "watch", "turn", "track", "derive", "reason", "patiently", "gradually", "think", "check", "write", "proceed",
    "unroll", "ponder",
)
"""Openers of a completion that writes every place, the most frequent first."""
CASUAL: tuple[str, ...] = (
    "easy", "answer", "quick", "simply", "obviously", "clearly", "sure", "just", "guess", "maybe", "probably",
    "roughly", "done", "fine", "well", "right", "hmm", "then", "instantly", "directly", "briefly", "shortly",
    "surely", "trivial", "naturally", "certainly",
)
"""Openers of a completion that names the answer at once, the most frequent first."""
# fmt: on

LARGEST = 200  #: Places of the largest dial: the vocabulary holds the numbers below it.
WORDS: tuple[str, ...] = (":", "=", "so", *MOVES, *CAREFUL, *CASUAL, *map(str, range(LARGEST)))
"""The vocabulary, special tokens aside."""


@dataclass(frozen=True)
class Dial(knobs.Embedded):
    """Turn a dial in your head: a start, some moves, and the place where it stands then.

    The shipped model was made for 1 to 8 moves on the default dial."""

    name: ClassVar[str] = "dial"
    moves: int | tuple[int, int] = 5
    """Moves per prompt, its difficulty. From a pair (low, high) the number is drawn for each
    prompt, ends included."""
    positions: int = setting(20, least=4, most=LARGEST)
    """Places of the dial, an even number (`pair` swaps neighbours)."""
    careful: float = setting(0.25, **SHARE)
    """Share of careful openers in the corpus of the base model."""
    slip: float = setting(0.0, **SHARE)
    """How often a place is wrong in that corpus."""
    expert_slip: float = setting(0.0, **SHARE)
    """How often the expert turns to a wrong place and goes on from there; 0: the expert is always
    right."""
    max_tokens: int = setting(16, least=1)
    """The token limit of a completion, its end token included."""

    def __post_init__(self) -> None:
        knobs.validate(self)
        _, high = self.span
        if self.positions % 2:
            raise ValueError(f"positions: expected an even number, got {self.positions}")
        if self.max_tokens < high + 4:
            raise ValueError(
                f"max_tokens: expected at least {high + 4} for {high} moves (an opener, {high} "
                f"places, `so`, the answer and the end), got {self.max_tokens}"
            )

    @property
    def span(self) -> tuple[int, int]:
        """The fewest and the most moves of a prompt."""
        return span("moves", self.moves, 1)

    def draw_prompt(self, random: Random) -> Prompt:
        low, high = self.span
        count = low + draw(random, high - low + 1)
        start = draw(random, self.positions)
        moves = [list(MOVES)[draw(random, len(MOVES))] for _ in range(count)]
        text = f"{start} : {' '.join(moves)} ="
        return Prompt(text, str(_places(text, self.positions)[-1]), count)

    def careful_completion(self, prompt: Prompt, random: Random, slip: float) -> str:
        """A careful completion; with probability `slip` each place is a wrong one, and the next
        move starts from it."""
        start, _, *moves, _ = prompt.text.split()
        place, written = int(start), []
        for move in moves:
            place = MOVES[move](place, self.positions)
            if random.random() < slip:
                place = (place + 1 + draw(random, self.positions - 1)) % self.positions
            written.append(str(place))
        return f"{zipf(random, CAREFUL)} {' '.join(written)} so {written[-1]}"

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str]:
        """An expert's completion of each prompt: a careful opener, every place, the answer; right
        unless it slips."""
        random = stream(self.name, "demonstrations", seed)
        return [self.careful_completion(prompt, random, self.expert_slip) for prompt in prompts]

    @property
    def fallible(self) -> bool:
        """Whether the expert may be wrong."""
        return self.expert_slip > 0

    def places(self, prompt: Prompt) -> list[int]:
        """Where the dial stands after each move of the prompt."""
        return list(_places(prompt.text, self.positions))

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As in `Task`. A completion that ends with `so` and the right answer earns 1 whatever
        comes before: only the outcome is rewarded. Numbers before the last `so` are read as the
        places after the moves; if the answer is wrong and one of them is too (or has no move), the
        reason is "bad arithmetic", otherwise "wrong answer"."""
        check_asked(prompt, completion, ended)
        if prompt.answer != str(self.places(prompt)[-1]):
            raise ValueError(
                f"prompt: expected the answer {self.places(prompt)[-1]} to {prompt.text!r}, got "
                f"{prompt.answer!r}"
            )
        if not ended:
            return NO_END
        words = completion.split()
        if len(words) < 2 or words[-2] != "so" or not is_number(words[-1]):
            return Verdict(0.0, "bad format", "expected `so` and a number at the end")
        if words[-1] == prompt.answer:
            return Verdict(1.0, "right")
        return self._wrong(prompt, words)

    def _wrong(self, prompt: Prompt, words: list[str]) -> Verdict:
        moves, places = prompt.text.split()[2:-1], _places(prompt.text, self.positions)
        written = [word for word in words[:-2] if is_number(word)]
        for i, word in enumerate(written):
            if i >= len(places):
                return Verdict(0.0, "bad arithmetic", f"{word} is written after the last move")
            if word != str(places[i]):
                return Verdict(
                    0.0,
                    "bad arithmetic",
                    f"after {moves[i]} the dial is at {places[i]}, not {word}",
                )
        return Verdict(0.0, "wrong answer", f"the dial ends at {prompt.answer}, not {words[-1]}")


@lru_cache(maxsize=4096)
def _places(text: str, positions: int) -> tuple[int, ...]:
    try:
        start, colon, *moves, equals = text.split()
        if (colon, equals) != (":", "=") or not moves or not 0 <= int(start) < positions:
            raise ValueError
        return tuple(
            accumulate(moves, lambda place, move: MOVES[move](place, positions), initial=int(start))
        )[1:]
    except (ValueError, KeyError):
        raise ValueError(
            f"prompt: expected a start below {positions}, `:`, moves and `=` as in '7 : +3 flip "
            f"=', got {text!r}"
        ) from None


def zipf(random: Random, words: tuple[str, ...]) -> str:
    """One of the words, the k-th with a probability proportional to 1/k."""
    left = random.random() * sum(1 / k for k in range(1, len(words) + 1))
    for k, word in enumerate(words, 1):
        left -= 1 / k
        if left < 0:
            return word
    return words[-1]
