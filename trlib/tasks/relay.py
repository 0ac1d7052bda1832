"""The embedded task `relay`: hand a number round for as long as the horizon says.

Runners hand on a place of a dial. Each makes a move of `dial` and writes the place that it leads
to. The completion is cut at the horizon, 64 to 1,024 tokens, and it is right if every place in it
is:

    prompt      7 :
    turns       +3 10 -2 8 +5 13 +1 14 ...        every place is right, nearly always
    jumps       x3 1 flip 18 sq 4 half 2 ...      in the base model one place in ten is wrong

Runners copy each other: after a turn comes a turn, after a jump a jump, except in one leg in 1,000.
So the first move decides a thousand tokens: three completions in four begin with a jump, and
few of them stay right to the end. A policy improves by starting with a turn, by staying with turns,
or by writing the places after jumps more surely.

Every completion has exactly `horizon` tokens, and half of them are free choices. What the task can
show, and what it cannot, is on the book's page of tasks. Greedy completions never slip and are
right from the start: measure sampled ones. There is no expert: methods that learn from one refuse
the task."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from trlib.arguments import SHARE, setting
from trlib.tasks import knobs
from trlib.tasks.dial import MOVES
from trlib.tasks.knobs import draw, is_number
from trlib.tasks.task import Prompt, Verdict, check_asked

TURNS: tuple[str, ...] = tuple(move for move in MOVES if move[0] in "+-")
"""The moves after which the base model is right."""
JUMPS: tuple[str, ...] = tuple(move for move in MOVES if move not in TURNS)
"""The moves after which it often is not."""
POSITIONS = 20  #: Places of the dial.
LONGEST = 1024  #: Tokens of the longest completion that the base model has read.
ANSWER = "every place is right"
"""The answer to every prompt, in words: no completion ends with it."""
WORDS: tuple[str, ...] = (":", *MOVES, *map(str, range(POSITIONS)))
"""The vocabulary, special tokens aside."""


@dataclass(frozen=True)
class Relay(knobs.Embedded):
    """Hand a number round until the horizon, 64 to 1,024 tokens, with every place right; the first
    move decides most.

    The shipped model was made for horizons of up to 1,024 tokens."""

    name: ClassVar[str] = "relay"
    horizon: int = setting(64, least=2, most=LONGEST)
    """Tokens of a completion, two per leg: an even number. Half of it, the number of legs, is a
    prompt's difficulty."""
    turns: float = setting(0.25, **SHARE)
    """How often a completion begins with a turn in the corpus of the base model."""
    change: float = setting(0.001, **SHARE)
    """How often a leg changes from turns to jumps or back in that corpus."""
    slip: float = setting(0.1, **SHARE)
    """How often the place after a jump is wrong in that corpus."""

    def __post_init__(self) -> None:
        knobs.validate(self)
        if self.horizon % 2:
            raise ValueError(
                "horizon: expected an even number (a leg has a move and a place), got "
                f"{self.horizon}"
            )

    @property
    def max_tokens(self) -> int:
        """The token limit of a completion: the horizon."""
        return self.horizon

    def draw_prompt(self, random: Random) -> Prompt:
        return Prompt(f"{draw(random, POSITIONS)} :", ANSWER, self.horizon // 2)

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[None]:
        """There is no expert: a demonstration ends with the end token, and no completion here
        does."""
        return [None for _ in prompts]

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As in `Task`. A completion is right if it has `horizon` tokens and every place follows
        from the place and the move before it. The first thing that is wrong, from the left, is the
        reason."""
        check_asked(prompt, completion, ended)
        place, words = start_of(prompt), completion.split()
        for leg in range(min(len(words), self.horizon) // 2):
            move, stated = words[2 * leg], words[2 * leg + 1]
            if move not in MOVES or not is_number(stated):
                return Verdict(
                    0.0,
                    "bad format",
                    f"leg {leg + 1}: expected a move and a place, got {move} {stated}",
                )
            right = MOVES[move](place, POSITIONS)
            if stated != str(right):
                wrong = f"leg {leg + 1}: {move} leads from {place} to {right}, not {stated}"
                return Verdict(0.0, "bad arithmetic", wrong)
            place = right
        if len(words) == self.horizon:
            return Verdict(1.0, "right")
        return Verdict(
            0.0,
            "bad format" if ended else "no end",
            f"expected {self.horizon} tokens, got {len(words)}",
        )


def start_of(prompt: Prompt) -> int:
    """The place that a prompt gives. Raises ValueError: the prompt is not one of this task's."""
    place, _, colon = prompt.text.partition(" ")
    if colon != ":" or not is_number(place) or int(place) >= POSITIONS or prompt.answer != ANSWER:
        raise ValueError(
            f"prompt: expected a place below {POSITIONS} and `:` as in '7 :' and the answer "
            f"{ANSWER!r}, got {prompt.text!r} and {prompt.answer!r}"
        )
    return int(place)
