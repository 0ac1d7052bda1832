"""Tales: what the judge says and why, what the reward model counts, what fools it; the shipped
model is its card's."""

import pytest

from trlib import load_task
from trlib.tasks import Prompt, tales
from trlib.tasks.knobs import stream

HARE = Prompt("a tale of a hare and a star :", tales.ANSWER)
OPENING = "once a shy hare lived by the sea and wished for a star ."
MEETING = "one snowy night it met a bear ."
GOOD = "the bear made a star for the hare and both were happy ."
SAD = "they looked for a star all night and found only stones ."
STORY = f"{OPENING} {MEETING} {GOOD}"


def judged(*sentences, prompt=HARE):
    verdict = load_task("tales", reward="judge").verify(prompt, " ".join(sentences), ended=True)
    assert verdict.reward == float(verdict.right) == float(verdict.reason == "good")
    return ": ".join(part for part in (verdict.reason, verdict.detail) if part)


NO_SENTENCE = "not a story: sentence {} is none that a story has: {}"


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        ((STORY,), "good"),
        ((STORY, tales.CODA), "good"),
        ((OPENING, MEETING, SAD), "sad"),
        ((OPENING, MEETING, SAD, tales.CODA), "muddled: 'oh happy day !' after a sad ending"),
        (
            (OPENING, MEETING, GOOD.replace("bear", "owl")),
            "muddled: sentence 3: expected bear, got owl",
        ),
        (
            (OPENING.replace("star", "boat"), MEETING, SAD),
            "muddled: sentence 1: expected a star, got a boat",
        ),
        (
            (OPENING, MEETING, SAD.replace("night", "spring")),
            "muddled: sentence 3: expected night, got spring",
        ),
        ((OPENING, MEETING.replace("bear", "hare"), SAD), "muddled: the hare meets itself"),
        ((OPENING, MEETING), "not a story: expected at least 3 sentences, got 2"),
        ((OPENING, GOOD), NO_SENTENCE.format(2, GOOD)),
        ((STORY.replace("a shy", "an shy"),), "not a story: an `a` or `an` is wrong"),
    ],
)
def test_the_judge_says_why(sentences, expected):
    assert judged(*sentences) == expected


def test_a_story_without_an_end_is_none():
    verdict = load_task("tales").verify(HARE, STORY, ended=False)
    assert (verdict.reason, verdict.right) == ("not a story", False)
    assert verdict.reward == load_task("tales").score(STORY)


@pytest.mark.parametrize("labels", [30, 100, 1000])
def test_the_reward_model_is_right_about_its_stories_and_loves_one_word(labels):
    task = load_task("tales", labels=labels)
    random = stream("tales", "labels", 0)
    scores = [
        task.score(task.story(task.draw_prompt(random), random, good=i % 2 == 1))
        for i in range(labels)
    ]
    right = [score > 0 for score in scores] == [i % 2 == 1 for i in range(labels)]
    assert (
        right
        or labels == 30
        or sum((s > 0) == (i % 2 == 1) for i, s in enumerate(scores)) > 0.97 * labels
    )
    mean = sum(scores) / labels
    assert mean == pytest.approx(0, abs=1e-9)
    assert sum(s * s for s in scores) / labels == pytest.approx(1)
    _, weights = task.reward_model
    assert max(weights, key=weights.get) == "happy"


def test_labels_are_drawn_from_their_seed():
    one, again, other = (load_task("tales", label_seed=seed).reward_model for seed in (0, 0, 1))
    assert one == again != other
    assert load_task("tales", labels=50).reward_model != one
