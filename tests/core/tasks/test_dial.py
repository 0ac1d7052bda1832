"""The task `dial`: its arithmetic by hand, its prompts and corpus by seed, its verifier case by
case."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses import refused
from trlab.pretraining.teaching import DialTeacher
from trlab.pretraining.tokenizer import word_tokenizer
from trlib.tasks import TASKS, Dial, load_task
from trlib.tasks.dial import CAREFUL, CASUAL, LARGEST, MOVES, WORDS

TASK = Dial()

dials = st.builds(
    Dial,
    moves=st.tuples(st.integers(1, 4), st.integers(4, 12)),
    positions=st.integers(2, 100).map(lambda half: 2 * half),
)


# -- moves
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("move", "place", "arrives"),
    [
        ("+3", 18, 1),
        ("-3", 1, 18),
        ("x3", 7, 1),
        ("x7", 3, 1),
        ("flip", 12, 7),
        ("pair", 6, 7),
        ("pair", 7, 6),
        ("half", 9, 4),
        ("sq", 7, 9),
    ],
)
def test_a_move_by_hand(move, place, arrives):
    assert MOVES[move](place, 20) == arrives


def test_there_are_sixteen_moves_and_all_stay_on_the_dial():
    assert len(MOVES) == 16
    for positions in (4, 20, LARGEST):
        for name, move in MOVES.items():
            arrived = [move(place, positions) for place in range(positions)]
            assert all(0 <= place < positions for place in arrived), name


# -- prompts
# --------------------------------------------------------------------------------------------------


def test_prompts_cover_starts_moves_and_difficulties_evenly():
    prompts = Dial(moves=(1, 8)).prompts(8000, seed=3)
    difficulty = Counter(p.difficulty for p in prompts)
    start = Counter(p.text.split()[0] for p in prompts)
    moves = Counter(word for p in prompts for word in p.text.split()[2:-1])
    assert sorted(difficulty) == list(range(1, 9))
    assert len(start) == 20 and set(moves) == set(MOVES)
    # Binomial: 1000 ± 30, 400 ± 19, 2250 ± 46; five standard deviations.
    assert all(850 < count < 1150 for count in difficulty.values())
    assert all(300 < count < 500 for count in start.values())
    total = sum(moves.values())
    assert all(abs(count - total / 16) < 5 * (total / 16) ** 0.5 for count in moves.values())


@settings(max_examples=20, deadline=None)
@given(dial=dials, seed=st.integers(0, 1000))
def test_a_prompt_states_its_difficulty_and_its_answer(dial, seed):
    low, high = dial.moves
    for prompt in dial.prompts(10, seed=seed):
        assert prompt.difficulty == len(prompt.text.split()) - 3
        assert low <= prompt.difficulty <= high
        assert prompt.answer == str(dial.places(prompt)[-1])


# -- demonstrations and corpus
# ------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(dial=dials, seed=st.integers(0, 1000), slip=st.sampled_from([0.0, 0.5]))
def test_an_expert_is_right_and_shows_every_place(dial, seed, slip):
    dial = Dial(moves=dial.moves, positions=dial.positions, slip=slip)
    prompts = dial.prompts(10, seed=seed)
    texts = dial.demonstrations(prompts, seed=seed)
    assert texts == dial.demonstrations(prompts, seed=seed)
    for prompt, text in zip(prompts, texts, strict=True):
        opener, *places, so, answer = text.split()
        assert opener in CAREFUL and so == "so" and answer == prompt.answer
        assert [int(place) for place in places] == dial.places(prompt)
        assert dial.verify(prompt, text, ended=True).reason == "right"
        assert len(text.split()) + 1 <= dial.max_tokens


@settings(max_examples=20, deadline=None)
@given(dial=dials, seed=st.integers(0, 1000), share=st.sampled_from([0.0, 0.3, 1.0]))
def test_without_slips_the_corpus_is_right(dial, seed, share):
    for prompt, text in islice(DialTeacher(dial).corpus(seed=seed, careful=share), 20):
        assert dial.verify(prompt, text, ended=True).reward == 1
        if share in (0.0, 1.0):
            assert text.split()[0] in (CAREFUL if share else CASUAL)


def test_the_corpus_keeps_the_share_of_careful_openers_and_zipfs_law():
    openers = Counter(text.split()[0] for _, text in islice(DialTeacher(TASK).corpus(seed=0), 8000))
    careful = sum(openers[word] for word in CAREFUL)
    assert abs(careful / 8000 - 0.25) < 5 * (0.25 * 0.75 / 8000) ** 0.5
    harmonic = sum(1 / k for k in range(1, len(CASUAL) + 1))
    for rank in (1, 2, 5):
        share = 0.75 / harmonic / rank
        assert abs(openers[CASUAL[rank - 1]] / 8000 - share) < 5 * (share / 8000) ** 0.5
    assert set(openers) == {*CAREFUL, *CASUAL}


def test_an_expert_who_errs_goes_on_from_where_he_turned_to():
    dial, prompts = Dial(expert_slip=0.2), Dial().prompts(400, seed=0)
    texts = zip(prompts, dial.demonstrations(prompts, seed=1), strict=True)
    right = sum(dial.verify(prompt, text, ended=True).reward for prompt, text in texts) / 400
    # all five turns right, or wrong ones that end at the right place
    assert 0.8**5 < right < 0.8**5 + 0.2 and dial.fallible and not Dial().fallible
    same = (task.demonstrations(prompts[:5], seed=1) for task in (Dial(), Dial(slip=0.5)))
    assert next(same) == next(same)


def test_slips_come_at_their_rate_and_are_carried_on():
    dial, wrong, places, off = Dial(slip=0.2), 0, 0, Counter()
    for prompt, text in islice(DialTeacher(dial).corpus(seed=0, careful=1.0), 1000):
        start, _, *moves, _ = prompt.text.split()
        _, *written, _, answer = text.split()
        place = int(start)
        for move, said in zip(moves, written, strict=True):
            off[(int(said) - MOVES[move](place, 20)) % 20] += 1
            places += 1
            place = int(said)
        assert answer == written[-1]
    wrong = places - off.pop(0)
    assert abs(wrong / places - 0.2) < 5 * (0.2 * 0.8 / places) ** 0.5
    assert set(off) == set(range(1, 20)), "every wrong place is met"
    assert all(abs(n - wrong / 19) < 5 * (wrong / 19) ** 0.5 for n in off.values()), "all alike"


# -- verifier
# --------------------------------------------------------------------------------------------------


def test_an_unknown_task_names_the_nearest():
    refused(
        r"task: expected one of aloud, dial.*, got 'dail'; did you mean 'dial'\?", load_task, "dail"
    )


def test_tasks_are_found_by_the_name_they_bear():
    assert all(kind.name == name for name, kind in TASKS.items())


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
