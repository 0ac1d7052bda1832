"""A word-level tokenizer for tasks whose text is words separated by single spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<pad>", "<end>", "<unk>"
SPECIAL: tuple[str, ...] = (PAD, END, UNKNOWN)
"""The special tokens; their ids are 0, 1, 2."""


def word_tokenizer(words: Sequence[str], *, context: int) -> PreTrainedTokenizerFast:
    """A transformers tokenizer with one token per word, padding on the left; `save_pretrained`
    writes it.

    `decode(encode(text)) == text` when every word is known; an unknown word becomes `<unk>`. The
    tokenizer adds no special tokens: the sampler writes the end token.

    Args:
        words: the vocabulary, special tokens aside; the n-th word's id is n + 3, counted from 0.
        context: positions of the model that it is for: the longest text, in tokens.

    Raises:
        ValueError: a word twice, one with a space in it, or a special token among the words.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    ids = {word: i for i, word in enumerate((*SPECIAL, *words))}
    if len(ids) != len(SPECIAL) + len(words):
        raise ValueError(f"words: expected different words, none of them {', '.join(SPECIAL)}")
    for word in words:
        if word.split() != [word]:
            raise ValueError(f"words: expected words without spaces, got {word!r}")
    tokenizer = Tokenizer(WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=context,
        model_input_names=["input_ids", "attention_mask"],
    )
