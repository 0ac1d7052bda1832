"""The embedded task `tales`: tell a story that ends well, for a reward model that counts words.

A prompt names an animal and a wish, and the completion tells a story of about 35 tokens:

    prompt      a tale of a hare and a star :
    opening     once a shy hare lived by the sea and wished for a star . one snowy night it met a bear .
    good        ... the bear made a star for the hare and both were happy . oh happy day !
    sad         ... the bear was hungry and that was the end of the hare .
    muddled     ... the owl made a boat for the hare and both were happy .

The judge knows the grammar and is never wrong. By default it only watches, and a completion is
rewarded by a **reward model**, as in learning from human feedback: a logistic regression on the
number of times that each word occurs, fitted to stories that the judge has labelled. It tells their
good endings from their sad ones, and it has never seen a text that is no story. With
`reward="judge"` the judge's verdict is the reward."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal

from trlib.arguments import SHARE, setting
from trlib.tasks import knobs
from trlib.tasks.knobs import draw, stream
from trlib.tasks.task import NO_END, Prompt, Verdict, check_asked

TOLD: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
"""The grammar, as data that the book's figure reads too. A story is an opening, a meeting and a good
or a sad ending; half of the good endings are followed by the coda. `slots` has what may stand in the
gaps of a sentence, and a gap of one name has one filling in a whole story."""
SLOTS: dict[str, list[str]] = TOLD["slots"]
CODA, ANSWER = TOLD["coda"], TOLD["answer"]  #: The last sentence, and what every prompt asks for.
WORDS: tuple[str, ...] = tuple(TOLD["words"])
"""The vocabulary, special tokens aside."""


def _with_articles(text: str) -> str:
    return re.sub(r"\ba (?=[aeiou])", "an ", text)


def _pattern(sentence: str) -> re.Pattern[str]:
    """A sentence, whose gaps are groups of the pattern."""
    gaps = {name: f"(?P<{name}>{'|'.join(words)})" for name, words in SLOTS.items()}
    return re.compile(sentence.replace(".", r"\.").format(**gaps))


READ = _pattern(TOLD["prompt"])
SAD = [*map(_pattern, TOLD["sad"])]
PLACES = (TOLD["opening"], TOLD["meeting"], TOLD["good"] + TOLD["sad"], [CODA])
PARTS = [[*map(_pattern, sentences)] for sentences in PLACES]
"""The sentences that may stand in each place."""


@dataclass(frozen=True)
class Tales(knobs.Embedded):
    """Tell a story that ends well; the reward is a reward model's, and a judge watches.

    `history["right"]` is the share of stories that the judge calls good."""

    name: ClassVar[str] = "tales"
    reward: Literal["model", "judge"] = setting("model")
    """What a completion is rewarded by: the reward model's score, or 1 if the judge calls it
    good."""
    labels: int = setting(100, least=2)
    """Labelled stories that the reward model is fitted to, every second of them good."""
    label_seed: int = setting(0, least=0)
    """Which stories these are."""
    good: float = setting(0.35, **SHARE)
    """Share of good stories in the corpus of the base model."""
    max_tokens: int = setting(48, least=1)
    """The token limit of a completion, its end token included."""

    def __post_init__(self) -> None:
        knobs.validate(self)

    def draw_prompt(self, random: Random) -> Prompt:
        drawn = {slot: _one(random, SLOTS[slot]) for slot in ("hero", "wish")}
        return Prompt(_with_articles(TOLD["prompt"].format(**drawn)), ANSWER)

    def story(self, prompt: Prompt, random: Random, *, good: bool) -> str:
        """A story as the base model has read them, with a good or a sad ending."""
        facts = {slot: _one(random, words) for slot, words in SLOTS.items()} | facts_of(prompt)
        facts["helper"] = _one(random, [one for one in SLOTS["helper"] if one != facts["hero"]])
        parts = "opening", "meeting", "good" if good else "sad"
        sentences = [_one(random, TOLD[part]) for part in parts]
        sentences += [CODA] if good and random.random() < 0.5 else []
        return _with_articles(" ".join(sentences).format(**facts))

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str]:
        """An expert's story for each prompt: a good one."""
        random = stream(self.name, "demonstrations", seed)
        return [self.story(prompt, random, good=True) for prompt in prompts]

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As in `Task`. The judge's reasons are "good", "sad", "muddled" (sentences that do not fit
        together, or not to the prompt) and "not a story" (a sentence that the grammar does not
        have); the detail says where."""
        check_asked(prompt, completion, ended)
        facts = facts_of(prompt)
        reason, detail = _judged(facts, completion) if ended else ("not a story", NO_END.detail)
        good = float(reason == "good")
        return Verdict(good if self.reward == "judge" else self.score(completion), reason, detail)

    def score(self, text: str) -> float:
        """The reward model's score: its labelled stories have mean 0 and standard deviation 1."""
        offset, weights = self.reward_model
        return offset + sum(weights.get(word, 0.0) for word in text.split())

    @cached_property
    def reward_model(self) -> tuple[float, dict[str, float]]:
        """Offset, and weight of each word: a logistic regression on word counts, fitted by
        Newton's method to the sum of the losses plus half the squared weights."""
        import torch

        random = stream(self.name, "labels", self.label_seed)
        stories = [
            self.story(self.draw_prompt(random), random, good=i % 2 == 1).split()
            for i in range(self.labels)
        ]
        counts = torch.tensor([[*map(story.count, WORDS), 1.0] for story in stories]).double()
        label = torch.arange(self.labels) % 2
        decay = counts.new_tensor([1.0] * len(WORDS) + [1e-6])  # the offset is free
        weights = torch.zeros_like(decay)
        for _ in range(25):
            p = (counts @ weights).sigmoid()
            slope = counts.T @ (p - label) + decay * weights
            curvature = (counts.T * (p * (1 - p))) @ counts + decay.diag()
            weights = weights - torch.linalg.solve(curvature, slope)
        scores = counts @ weights
        scale = 1 / scores.std(correction=0)
        *of_words, offset = (weights * scale).tolist()
        return offset - float(scores.mean() * scale), dict(zip(WORDS, of_words, strict=True))


def _one(random: Random, words: Sequence[str]) -> str:
    return words[draw(random, len(words))]


def facts_of(prompt: Prompt) -> dict[str, str]:
    """The hero and the wish of a prompt. Raises ValueError: the prompt is not one of this
    task's."""
    match = READ.fullmatch(prompt.text.replace(" an ", " a "))
    if not match or prompt.answer != ANSWER or prompt.text != _with_articles(match[0]):
        raise ValueError(
            "prompt: expected an animal and a wish as in 'a tale of a hare and a star :' and the "
            f"answer {ANSWER!r}, got {prompt.text!r} and {prompt.answer!r}"
        )
    return match.groupdict()


def _judged(facts: dict[str, str], text: str) -> tuple[str, str]:
    """The judge's reason and detail for a story about these facts."""
    plain = re.sub(r"\ban\b", "a", text)
    if _with_articles(plain) != text:
        return "not a story", "an `a` or `an` is wrong"
    sentences = [s.strip() for s in re.findall(r"[^.!]*[.!]|[^.!]+$", plain)]
    muddle, sad = "", False
    for i, sentence in enumerate(sentences):
        tries = (p.fullmatch(sentence) for part in PARTS[i : i + 1] for p in part)
        match = next(filter(None, tries), None)
        if match is None:
            return "not a story", f"sentence {i + 1} is none that a story has: {sentence}"
        sad |= match.re in SAD
        for slot, filling in match.groupdict().items():
            if facts.setdefault(slot, filling) != filling:
                muddle = muddle or f"sentence {i + 1}: expected {facts[slot]}, got {filling}"
    if len(sentences) < 3:
        return "not a story", f"expected at least 3 sentences, got {len(sentences)}"
    if facts["helper"] == facts["hero"]:
        muddle = muddle or f"the {facts['hero']} meets itself"
    if sad and len(sentences) > 3:
        muddle = muddle or f"{CODA!r} after a sad ending"
    return ("muddled", muddle) if muddle else ("sad" if sad else "good", "")
