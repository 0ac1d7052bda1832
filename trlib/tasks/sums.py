"""Arithmetic in one step, for a language model that has seen arithmetic in pretraining.

    prompt      What is 23 + 4?
    right       27      (or 23 + 4 = 27., The answer is 27, ...: `trlib.tasks.answers`)

A base model that does not end its answers continues a list better than it answers a question:
`examples` puts solved questions before it, and `must_end=False` reads only the first line.
SmolLM2's recipe does both (`Sums.recipes`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import ClassVar

from trlib.arguments import setting
from trlib.tasks import knobs
from trlib.tasks.answers import judge
from trlib.tasks.knobs import OPERATIONS, draw, span, stream
from trlib.tasks.task import Prompt, Recipe, Verdict, check_asked

HOLE = "{}"


@dataclass(frozen=True)
class Sums(knobs.Embedded):
    """Arithmetic in one step, for a model that has seen some; it has no model of its own.

    A prompt's difficulty is the number of digits of its answer."""

    name: ClassVar[str] = "sums"
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "smollm2": Recipe(
            knobs={
                "numbers": (10, 99),
                "text": "{} =",
                "examples": 2,
                "must_end": False,
                "max_tokens": 5,
            },
            lora={"r": 8, "target_modules": "all-linear"},
            chat=False,
            settings={"steps": 30, "prompts": 8, "group": 8, "lr": 3e-4, "warmup": 5, "probe": 8},
        )
    }
    """Measured in `benchmarks/smollm2`: two minutes on one core, from .08 to .68 of held-out
    sums."""

    numbers: int | tuple[int, int] = (1, 99)
    """The range (low, high) of a prompt's two numbers, both ends included; one number: always
    that."""
    operations: str = "+"
    """Any of `+`, `-` and `*`, equally likely; in a difference the larger number comes first."""
    text: str = "What is {}?"
    """The prompt; `{}` is the operation."""
    examples: int = setting(0, least=0)
    """How many solved questions come before the prompt's own, one per line, the same in every
    prompt."""
    must_end: bool = setting(True)
    """A right completion ends with the end token; False: it need not, and only its first line is
    read."""
    max_tokens: int = setting(16, least=1)
    """The token limit of a completion, its end token included."""

    def __post_init__(self) -> None:
        knobs.validate(self)
        span("numbers", self.numbers, 0)
        for knob, value in (("operations", self.operations), ("text", self.text)):
            if not isinstance(value, str):
                raise TypeError(f"{knob}: expected text, got {type(value).__name__}")
        if not self.operations or set(self.operations) - set(OPERATIONS):
            raise ValueError(
                f"operations: expected some of {' '.join(OPERATIONS)} as one word, got "
                f"{self.operations!r}"
            )
        if self.text.count(HOLE) != 1:
            raise ValueError(
                f"text: expected `{HOLE}` once, where the operation goes, got {self.text!r}"
            )

    def draw_prompt(self, random: Random) -> Prompt:
        operation, result = self._question(random)
        return Prompt(
            self._solved + self.text.replace(HOLE, operation), str(result), len(str(result))
        )

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str]:
        """The answer to each prompt and nothing else; after a space if a list is continued, as in
        its examples."""
        return [prompt.answer if self.must_end else f" {prompt.answer}" for prompt in prompts]

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As in `Task`. The final answer of a completion counts
        (`trlib.tasks.answers.final_answer`), compared as a number. If it is wrong and a step of the
        completion does not hold, the reason is "bad arithmetic"."""
        check_asked(prompt, completion, ended)
        self._check_question(prompt)
        if self.must_end:
            return judge(completion, prompt.answer, ended=ended)
        return judge(completion.strip().partition("\n")[0], prompt.answer, ended=True)

    def _check_question(self, prompt: Prompt) -> None:
        asked = re.search(
            re.escape(self.text).replace(re.escape(HOLE), r"(\d+) ([-+*]) (\d+)") + r"\Z",
            prompt.text,
        )
        if asked is None or prompt.answer != str(
            OPERATIONS[asked[2]](int(asked[1]), int(asked[3]))
        ):
            raise ValueError(
                f"prompt: expected {self.text!r} about a sum, a difference or a product, and its "
                f"result as the answer, got {prompt.text!r} and {prompt.answer!r}"
            )

    def _question(self, random: Random) -> tuple[str, int]:
        """An operation on two numbers and its result."""
        low, high = span("numbers", self.numbers, 0)
        sign = self.operations[draw(random, len(self.operations))]
        one, other = (low + draw(random, high - low + 1) for _ in range(2))
        if sign == "-" and one < other:
            one, other = other, one
        return f"{one} {sign} {other}", OPERATIONS[sign](one, other)

    @cached_property
    def _solved(self) -> str:
        """The solved questions that come before each prompt's own."""
        random = stream(self.name, "examples", 0)
        pairs = [self._question(random) for _ in range(self.examples)]
        return "".join(
            f"{self.text.replace(HOLE, operation)} {result}\n" for operation, result in pairs
        )
