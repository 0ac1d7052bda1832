"""The words of the task `dial`, and their tokenizer; the rest is in `test_every_task.py`."""

from trlab.pretraining.tokenizer import word_tokenizer
from trlib.tasks.dial import WORDS


def test_every_word_is_one_token():
    tokenizer = word_tokenizer(WORDS, context=128)
    assert len(tokenizer) == len(WORDS) + 3 == 272
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert tokenizer.convert_ids_to_tokens(list(range(3, 272))) == list(WORDS)
    assert tokenizer.encode("7 : jump =") == [tokenizer.encode("7")[0], 3, 2, 4]
