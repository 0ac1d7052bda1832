"""Texts as tokens: prompts, in a chat template or as they are, and the tokens that end a
completion."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from trlib.errors import CheckpointError, first_line
from trlib.model import bounds


def token_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, as part of a completion: no special tokens before or after."""
    return tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)[
        "input_ids"
    ]


def chat_prompts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each prompt in the chat template, ready for the answer: a text is a user's
    message, and a conversation (`trlib.tasks.data.Messages`) brings its own."""
    turns = [
        list(getattr(text, "messages", ())) or [{"role": "user", "content": text}] for text in texts
    ]
    return token_ids(tokenizer, _in_template(tokenizer, turns, add_generation_prompt=True))


def _in_template(tokenizer: Any, turns: Sequence[Any], **how: bool) -> Any:
    """Turns in the chat template.
    Raises CheckpointError: the template, which is a small program, refuses them or fails."""
    try:
        with bounds.limited(bounds.SECONDS, "it"):
            return tokenizer.apply_chat_template(turns, tokenize=False, **how)
    except Exception as error:
        raise CheckpointError(
            "chat: expected a chat template that takes a prompt as a user's message, got one that "
            f"says: {first_line(error)}; chat=False (--no-chat) does without it"
        ) from error


def open_prompts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each prompt with the tokenizer's first tokens.

    An end token that the tokenizer appends to every text is left out; one in the text itself
    stays."""
    rows = tokenizer(list(texts), return_attention_mask=False)["input_ids"]
    for row, text in zip(rows, texts, strict=True):
        if row[-1:] == [tokenizer.eos_token_id]:
            own = token_ids(tokenizer, [text])[0]
            if row[len(row) - len(own) :] != own:
                row.pop()
    return rows


def end_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """The tokenizer's end token, and those in the model's generation settings."""
    named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    more = [] if named is None else [named] if isinstance(named, int) else list(named)
    if not all(isinstance(i, int) for i in more):
        raise CheckpointError(
            f"generation_config.json: expected eos_token_id to be ids of tokens, got {named!r}"
        )
    return tuple(dict.fromkeys([tokenizer.eos_token_id, *more]))


def end_of_turn(tokenizer: Any, ends: Sequence[int]) -> int:
    """The one of `ends` with which the chat template ends an answer; else the tokenizer's end
    token."""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
    try:
        whole = _in_template(tokenizer, turns)
        prompt = _in_template(tokenizer, turns[:1], add_generation_prompt=True)
    except CheckpointError:  # it may take prompts and no answers
        return tokenizer.eos_token_id
    if whole.startswith(prompt):
        for i in token_ids(tokenizer, [whole[len(prompt) :]])[0]:
            if i in ends:
                return i
    return tokenizer.eos_token_id


@lru_cache(maxsize=8)
def tokens_holding(tokenizer: Any, letter: str) -> tuple[int, ...]:
    """The tokens whose text holds a letter, such as the end of a line."""
    texts = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
    return tuple(i for i, text in enumerate(texts) if letter in text)
