"""The task `dial`: its arithmetic by hand, its prompts and corpus by seed, its verifier case by
case."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses import refused
from trlab.pretraining.teaching import DialTeacher
from trlab.pretraining.tokenizer import word_tokenizer
from trlib.tasks import Dial, load_task
from trlib.tasks.dial import LARGEST, MOVES, WORDS

dials = st.builds(
    Dial,
    moves=st.tuples(st.integers(1, 4), st.integers(4, 12)),
    positions=st.integers(2, 100).map(lambda half: 2 * half),
)


# -- moves
# --------------------------------------------------------------------------------------------------


def test_there_are_sixteen_moves_and_all_stay_on_the_dial():
    assert len(MOVES) == 16
    for positions in (4, 20, LARGEST):
        for name, move in MOVES.items():
            arrived = [move(place, positions) for place in range(positions)]
            assert all(0 <= place < positions for place in arrived), name


# -- prompts
# --------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(dial=dials, seed=st.integers(0, 1000))
def test_a_prompt_states_its_difficulty_and_its_answer(dial, seed):
    low, high = dial.moves
    for prompt in dial.prompts(10, seed=seed):
        assert prompt.difficulty == len(prompt.text.split()) - 3
        assert low <= prompt.difficulty <= high
        assert prompt.answer == str(dial.places(prompt)[-1])


# -- verifier
# --------------------------------------------------------------------------------------------------


def test_an_unknown_task_names_the_nearest():
    refused(
        r"task: expected one of aloud, dial.*, got 'dail'; did you mean 'dial'\?", load_task, "dail"
    )


# -- tokenizer
# --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer():
    return word_tokenizer(WORDS, context=128)


@settings(max_examples=20, deadline=None)
@given(dial=dials, seed=st.integers(0, 1000))
def test_text_survives_the_tokenizer_both_ways(tokenizer, dial, seed):
    for prompt, completion in islice(DialTeacher(dial).corpus(seed=seed), 5):
        text = f"{prompt.text} {completion}"
        ids = tokenizer.encode(text)
        assert len(ids) == len(text.split())
        assert tokenizer.unk_token_id not in ids and tokenizer.eos_token_id not in ids
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode([0, 0, *ids, 1], skip_special_tokens=True) == text


def test_every_word_is_one_token(tokenizer):
    assert len(tokenizer) == len(WORDS) + 3 == 272
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert tokenizer.convert_ids_to_tokens(list(range(3, 272))) == list(WORDS)
    assert tokenizer.encode("7 : jump =") == [tokenizer.encode("7")[0], 3, 2, 4]


@pytest.mark.parametrize("words", [["a", "a"], ["a b"], [""], ["<end>"]])
def test_a_vocabulary_of_no_words_is_refused(words):
    refused("words: expected", word_tokenizer, words, context=8)
