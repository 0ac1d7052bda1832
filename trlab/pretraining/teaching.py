"""What a base model is taught: the corpus that it reads and what its card reports, for each task
that has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar, Protocol

from trlib.arguments import number
from trlib.tasks import Dial, Prompt, Relay, Spend, Tales, Task, dial, relay, spend, tales
from trlib.tasks.knobs import draw, stream

Lesson = Iterator[tuple[Prompt, str]]
"""An endless stream of prompts with completions. Its prompts are not those of the task's
`prompts`."""


class Teacher(Protocol):
    """What `pretrain` needs besides a task to make a base model for it."""

    words: ClassVar[tuple[str, ...]]
    """The vocabulary, special tokens aside."""
    varied: ClassVar[str]
    """The knob that makes prompts harder."""
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

    def habits(self, completion: str) -> dict[str, bool]:
        """What the card counts in completions besides right and wrong."""
        ...

    @property
    def usual(self) -> Task:
        """The task on which the card's accuracies are measured."""
        ...

    @property
    def levels(self) -> Mapping[int, Task]:
        """The task at each of its difficulties."""
        ...


@dataclass(frozen=True)
class DialTeacher:
    """Teaches `dial`: to write down every position after a careful opener, and mostly to choose
    another opener."""

    words: ClassVar[tuple[str, ...]] = dial.WORDS
    varied: ClassVar[str] = "moves"
    ends: ClassVar[bool] = True

    task: Dial

    def corpus(self, *, seed: int, careful: float | None = None) -> Lesson:
        """Prompts with careful or casual completions; `careful`: the share of careful ones, None:
        the task's."""
        task, rate = (
            self.task,
            self.task.careful if careful is None else number("careful", careful, least=0, most=1),
        )
        random = stream(task.name, f"corpus {rate}", seed)
        while True:
            prompt = task.draw_prompt(random)
            if random.random() < rate:
                yield prompt, task.careful_completion(prompt, random, task.slip)
            else:
                yield prompt, f"{dial.zipf(random, dial.CASUAL)} so {prompt.answer}"

    def lessons(self, *, seed: int) -> tuple[Lesson, Lesson]:
        """First careful completions only, so that the model learns to write down every position;
        then the mixture."""
        return self.corpus(seed=seed, careful=1.0), self.corpus(seed=seed)

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """Only the opener is a choice; the rest follows from it."""
        return [i == 0 for i in range(len(words))]

    def habits(self, completion: str) -> dict[str, bool]:
        """Whether the completion opens with a careful word."""
        return {"careful": completion.split(" ")[0] in dial.CAREFUL}

    @property
    def usual(self) -> Dial:
        """The task with five moves, or as near to five as it goes."""
        low, high = self.task.span
        return replace(self.task, moves=min(max(5, low), high))

    @property
    def levels(self) -> dict[int, Dial]:
        """Every number of moves."""
        low, high = self.task.span
        return {moves: replace(self.task, moves=moves) for moves in range(low, high + 1)}


@dataclass(frozen=True)
class SpendTeacher:
    """Teaches `spend`: to write what is left after each amount, whatever is spent."""

    words: ClassVar[tuple[str, ...]] = spend.WORDS
    varied: ClassVar[str] = "amount"
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

    def habits(self, completion: str) -> dict[str, bool]:
        """Whether the completion ends bust."""
        return {spend.BUST: completion.endswith(spend.BUST)}

    @property
    def usual(self) -> Spend:
        """The task itself."""
        return self.task

    @property
    def levels(self) -> dict[int, Spend]:
        """Five amounts, evenly spaced."""
        low, high = self.task.span
        amounts = dict.fromkeys(low + (high - low) * step // 4 for step in range(5))
        return {amount: replace(self.task, amount=amount) for amount in amounts}


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
    varied: ClassVar[str] = "horizon"
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

    def habits(self, completion: str) -> dict[str, bool]:
        """Whether the completion begins with a turn."""
        return {"turns": completion.split(" ")[0] in relay.TURNS}

    @property
    def usual(self) -> Relay:
        """The task at 64 tokens, or the horizon if that is less."""
        return replace(self.task, horizon=min(self.short, self.task.horizon))

    @property
    def levels(self) -> dict[int, Relay]:
        """The powers of two from 64 up to the horizon."""
        horizons = [64 * 2**k for k in range(5) if 64 * 2**k <= self.task.horizon] or [
            self.task.horizon
        ]
        return {horizon: replace(self.task, horizon=horizon) for horizon in horizons}


@dataclass(frozen=True)
class TalesTeacher:
    """Teaches `tales`: to tell of the animals and the wish that it has begun with."""

    words: ClassVar[tuple[str, ...]] = tales.WORDS
    varied: ClassVar[str] = "max_tokens"
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

    def habits(self, completion: str) -> dict[str, bool]:
        """Whether the completion ends with the coda."""
        return {"coda": completion.endswith(tales.CODA)}

    @property
    def usual(self) -> Tales:
        """The task itself, judged."""
        return self.task

    @property
    def levels(self) -> dict[int, Tales]:
        """The task itself: all prompts are equally hard."""
        return {self.task.max_tokens: self.task}
