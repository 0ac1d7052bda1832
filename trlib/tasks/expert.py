"""An expert's answers, for methods that learn from one: taken from the task, checked, and cut into
prefixes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from trlib.algorithms.plan import Stage
from trlib.errors import DemonstrationError
from trlib.tasks.task import Prompt, Task

WITHIN = 0.3
"""A prefix may be longer than its share by this much of the answer, so that it ends with a
paragraph."""


@dataclass(frozen=True)
class Demonstration:
    """An expert's answer as tokens."""

    tokens: list[int]
    """With the end token."""
    paragraphs: tuple[int, ...] = ()
    """The number of tokens up to the end of each paragraph but the last."""

    def prefix(self, share: float) -> list[int]:
        """The first `share` of the answer without its end token; 1: the whole answer with its end
        token.

        The prefix ends where a paragraph does, if one ends at the share or up to WITHIN past it;
        else at the share."""
        if share == 1:
            return self.tokens
        length = len(self.tokens) - 1
        ends = [end for end in self.paragraphs if end >= share * length]
        near = ends and ends[0] <= (share + WITHIN) * length
        return self.tokens[: ends[0] if near else round(share * length)]


def demonstrations(
    task: Task,
    prompts: Sequence[Prompt],
    *,
    seed: int,
    encode: Callable[[list[str]], list[list[int]]],
    end_id: int,
    max_tokens: int,
) -> list[Demonstration]:
    """The expert's answer to each prompt, checked.

    Args:
        encode: texts to token ids, with nothing added.
        end_id: the end token.
        max_tokens: the longest completion, its end token included.
    Raises DemonstrationError: the task has no expert, or no answer to a prompt; an answer is not
    text, is rejected by the task's own verifier, or is longer than a completion can be. The message
    names the prompt."""
    demonstrate = getattr(task, "demonstrations", None)
    if demonstrate is None:
        wanted = "demonstrations, which the method learns from"
        raise DemonstrationError(
            f"task {task.name!r}: expected {wanted}, got a task without an expert"
        )
    texts = demonstrate(prompts, seed=seed)
    if not isinstance(texts, Sequence) or isinstance(texts, str):
        raise DemonstrationError(
            f"task {task.name!r}: expected a list of demonstrations, got {type(texts).__name__}"
        )
    if len(texts) != len(prompts):
        wanted = f"a demonstration for each of {len(prompts)} prompts"
        raise DemonstrationError(f"task {task.name!r}: expected {wanted}, got {len(texts)}")
    answers = []
    for prompt, text in zip(prompts, texts, strict=True):
        where = f"task {task.name!r}, prompt {prompt.text!r}"
        if not isinstance(text, str):
            got = "none" if text is None else type(text).__name__
            raise DemonstrationError(f"{where}: expected an expert's completion as text, got {got}")
        verdict = task.verify(prompt, text, ended=True)
        if not verdict.right and not getattr(task, "fallible", False):
            why = verdict.reason + (f": {verdict.detail}" if verdict.detail else "")
            raise DemonstrationError(
                f"{where}: the verifier rejects the expert's completion {text!r} ({why})"
            )
        heads = [text[: gap.end()] for gap in re.finditer(r"\n\s*\n", text)]
        tokens, *lengths = encode([text, *heads])
        if len(tokens) + 1 > max_tokens:
            wanted = f"a demonstration of at most max_tokens = {max_tokens} tokens with its end"
            raise DemonstrationError(f"{where}: expected {wanted}, got {len(tokens) + 1}")
        answers.append(Demonstration([*tokens, end_id], tuple(map(len, lengths))))
    return answers


def prefixes(
    experts: Sequence[Demonstration], stage: Stage, so_far: Tensor
) -> list[list[int]] | None:
    """The prefix of each completion of a stage, prompt by prompt; None: no prefixes.

    `so_far`: [N, C] rewards of the completions that earlier stages have drawn."""
    if stage.prefix == 0:
        return None
    chosen: list[list[int]] = []
    for expert, total in zip(experts, so_far.sum(1).tolist(), strict=True):
        wanted = stage.below is None or total < stage.below
        chosen.extend([expert.prefix(stage.prefix) if wanted else []] * stage.count)
    return chosen
