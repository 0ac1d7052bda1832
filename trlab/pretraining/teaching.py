"""What a base model is taught: the corpus that it reads and what its card reports, for each task
that has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar, Protocol

from trlib.arguments import number
from trlib.tasks import Dial, Prompt, Relay, Spend, Task, dial, relay, spend
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
    def example(self) -> tuple[str, str]:
        """A prompt of the usual task and a right completion."""
        ...

    @property
    def levels(self) -> Mapping[int, Task]:
        """The task at each of its difficulties."""
        ...

    @property
    def story(self) -> str:
        """What the base model has read, and what it does: a paragraph of its README."""
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
    def example(self) -> tuple[str, str]:
        """A prompt and an expert's completion."""
        return _demonstrated(self.usual)

    @property
    def levels(self) -> dict[int, Dial]:
        """Every number of moves."""
        low, high = self.task.span
        return {moves: replace(self.task, moves=moves) for moves in range(low, high + 1)}

    @property
    def story(self) -> str:
        """What the base model has read, and what it does."""
        return (
            "It has read what people say of a dial when they are asked where it stands after "
            "some moves. Most\n"
            f"answer at once, and so does the model, mostly wrong; {self.task.careful:.0%} open "
            "with a careful word "
            "and write the place\nafter every move, and there it is mostly right. Reinforcement "
            "learning finds that "
            f"habit."
        )


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
    def example(self) -> tuple[str, str]:
        """A prompt and an expert's completion."""
        return _demonstrated(self.usual)

    @property
    def levels(self) -> dict[int, Spend]:
        """Five amounts, evenly spaced."""
        low, high = self.task.span
        amounts = dict.fromkeys(low + (high - low) * step // 4 for step in range(5))
        return {amount: replace(self.task, amount=amount) for amount in amounts}

    @property
    def story(self) -> str:
        """What the base model has read, and what it does."""
        return (
            f"It has read people who spend at random, anything from 1 to {self.task.most} alike, "
            "and who say each time "
            f"what is\nleft. So it lands exactly on 0 as often as chance has it, about once in "
            f"{(self.task.most + 1) / 2:g} times. Reinforcement learning\nmakes it look at what "
            "is left before it "
            f"spends. An amount of 12 has 2,040 right completions, one of 20 half a million."
        )


def _demonstrated(task: Dial | Spend) -> tuple[str, str]:
    """The first prompt of seed 0, and the expert's completion of it."""
    prompt = task.prompts(1, seed=0)[0]
    return prompt.text, task.demonstrations([prompt], seed=0)[0]


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
    def example(self) -> tuple[str, str]:
        """A prompt and the first legs of a completion."""
        prompt = self.usual.prompts(1, seed=0)[0]
        turning, random = replace(self.usual, turns=1), stream(self.task.name, "example", 0)
        completion = _handed_on(turning, prompt, random, slip=0)
        return prompt.text, " ".join(completion.split()[:8]) + " ..."

    @property
    def levels(self) -> dict[int, Relay]:
        """The powers of two from 64 up to the horizon."""
        horizons = [64 * 2**k for k in range(5) if 64 * 2**k <= self.task.horizon] or [
            self.task.horizon
        ]
        return {horizon: replace(self.task, horizon=horizon) for horizon in horizons}

    @property
    def story(self) -> str:
        """What the base model has read, and what it does."""
        task = self.task
        return (
            f"It has read relays on a dial, of which {task.turns:.0%} begin with a turn. Runners "
            "copy each other:\n"
            f"after a turn comes a turn, after a jump a jump, but for {task.change:.1%} of the "
            "legs. The place after\n"
            f"a turn is right, and the place after a jump is wrong in {task.slip:.0%} of the "
            "legs. So the first move\n"
            f"decides a thousand tokens, and reinforcement learning finds that out."
        )
