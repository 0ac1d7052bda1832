"""What a base model is taught: the corpus that it reads, for each task that has one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar, Protocol

from trlib.tasks import Dial, Prompt, Relay, Spend, Tales, dial, relay, spend, tales
from trlib.tasks.knobs import draw, stream

Lesson = Iterator[tuple[Prompt, str]]
"""An endless stream of prompts with completions. Its prompts are not those of the task's
`prompts`."""


class Teacher(Protocol):
    """What `pretrain` needs besides a task to make a base model for it."""

    words: ClassVar[tuple[str, ...]]
    """The vocabulary, special tokens aside."""
    ends: ClassVar[bool]
    """Whether a completion ends with the end token; else it is cut at the token limit."""

    def __init__(self, task: Any) -> None: ...

    def lessons(self, *, seed: int) -> tuple[Lesson, Lesson]:
        """What the base model reads: first to learn the skill, then to pick up its habits."""
        ...

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """Which words of a completion are free choices; the others follow from the prompt and the
        words before."""
        ...


@dataclass(frozen=True)
class DialTeacher:
    """Teaches `dial`: to write down every position after a careful opener, and mostly to choose
    another opener."""

    words: ClassVar[tuple[str, ...]] = dial.WORDS
    ends: ClassVar[bool] = True

    task: Dial

    def corpus(self, *, seed: int, careful: float) -> Lesson:
        """Prompts with completions, of which a share is careful and the rest casual."""
        task = self.task
        random = stream(task.name, f"corpus {careful}", seed)
        while True:
            prompt = task.draw_prompt(random)
            if random.random() < careful:
                yield prompt, task.careful_completion(prompt, random, task.slip)
            else:
                yield prompt, f"{dial.zipf(random, dial.CASUAL)} so {prompt.answer}"

    def lessons(self, *, seed: int) -> tuple[Lesson, Lesson]:
        """First careful completions only, so that the model learns to write down every position;
        then the mixture."""
        return self.corpus(seed=seed, careful=1.0), self.corpus(
            seed=seed, careful=self.task.careful
        )

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """Only the opener is a choice; the rest follows from it."""
        return [i == 0 for i in range(len(words))]


@dataclass(frozen=True)
class SpendTeacher:
    """Teaches `spend`: to write what is left after each amount, whatever is spent."""

    words: ClassVar[tuple[str, ...]] = spend.WORDS
    ends: ClassVar[bool] = True

    task: Spend

    def corpus(self, *, seed: int, part: int = 1) -> Lesson:
        """Amounts from 1 to `most`, all equally likely, down to 0 or bust; each `part` is a stream
        of its own."""
        random = stream(self.task.name, f"corpus {part}", seed)
        while True:
            prompt = self.task.draw_prompt(random)
            words = self._at_random(spend.amount_of(prompt), random)
            if len(words) < self.task.max_tokens:
                yield prompt, " ".join(words)

    def _at_random(self, left: int, random: Random) -> list[str]:
        words: list[str] = []
        while left > 0:
            spent = 1 + draw(random, self.task.most)
            left -= spent
            words += [f"-{spent}", str(left) if left >= 0 else spend.BUST]
        return words

    def lessons(self, *, seed: int) -> tuple[Lesson, Lesson]:
        """Two streams of the same corpus: there is only one habit to learn."""
        return self.corpus(seed=seed, part=1), self.corpus(seed=seed, part=2)

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """Amounts are choices; what is left follows from them."""
        return [word.startswith("-") for word in words]


def _handed_on(task: Relay, prompt: Prompt, random: Random, slip: float) -> str:
    """A completion of `relay` as its base model reads them; with probability `slip` the place after
    a jump is a wrong one, from which it goes on."""
    place, turning, written = relay.start_of(prompt), random.random() < task.turns, []
    for leg in range(task.horizon // 2):
        if leg and random.random() < task.change:
            turning = not turning
        moves = relay.TURNS if turning else relay.JUMPS
        move = moves[draw(random, len(moves))]
        place = relay.MOVES[move](place, relay.POSITIONS)
        if not turning and random.random() < slip:
            place = (place + 1 + draw(random, relay.POSITIONS - 1)) % relay.POSITIONS
        written += [move, str(place)]
    return " ".join(written)


@dataclass(frozen=True)
class RelayTeacher:
    """Teaches `relay`: to write every place, then to keep to one kind of moves and to be less sure
    of jumps."""

    words: ClassVar[tuple[str, ...]] = relay.WORDS
    ends: ClassVar[bool] = False
    short: ClassVar[int] = 64
    """Tokens of a completion in the first lessons, which need no long ones."""

    task: Relay

    def corpus(self, task: Relay, *, seed: int, slip: float) -> Lesson:
        """Prompts with completions of the task's horizon."""
        random = stream(task.name, f"corpus {task.horizon}", seed)
        while True:
            prompt = task.draw_prompt(random)
            yield prompt, _handed_on(task, prompt, random, slip)

    def lessons(self, *, seed: int) -> tuple[Lesson, Lesson]:
        """First short completions without a slip, as many turns as jumps; then long ones as the
        knobs say."""
        short = replace(self.task, horizon=min(self.short, self.task.horizon), turns=0.5)
        return self.corpus(short, seed=seed, slip=0.0), self.corpus(
            self.task, seed=seed, slip=self.task.slip
        )

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """Moves are choices; places follow from them."""
        return [word in relay.MOVES for word in words]


@dataclass(frozen=True)
class TalesTeacher:
    """Teaches `tales`: to tell of the animals and the wish that it has begun with."""

    words: ClassVar[tuple[str, ...]] = tales.WORDS
    ends: ClassVar[bool] = True

    task: Tales

    def corpus(self, *, seed: int, part: int) -> Lesson:
        """Good and sad stories; each `part` is a stream of its own."""
        random = stream(self.task.name, f"corpus {part}", seed)
        while True:
            prompt = self.task.draw_prompt(random)
            good = random.random() < self.task.good
            yield prompt, self.task.story(prompt, random, good=good)

    def lessons(self, *, seed: int) -> tuple[Lesson, Lesson]:
        """Two streams of the same corpus."""
        return self.corpus(seed=seed, part=1), self.corpus(seed=seed, part=2)

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """All but the wish, and the animals that have been named before: the helper, the second
        animal of a story, is a choice."""
        wishes = {wish.split()[-1] for wish in tales.SLOTS["wish"]}
        animals = [i for i, word in enumerate(words) if word in tales.SLOTS["hero"]]
        follow = {*animals[:1], *animals[2:]} | {i for i, w in enumerate(words) if w in wishes}
        return [i not in follow for i in range(len(words))]
