"""What the book's first page shows of a policy before and after it learned: `python -m tools.opening`.

The quickstart's run, and one of its prompts answered before and after with the same random numbers. A test runs it
again and compares. `bookext.opening` puts it on the page, beside the recorded runs of the same method.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import trlib
from tools.paths import ROOT
from trlib.model.policy import Policy
from trlib.model.rollout import sample

FILE = ROOT / "book" / "opening.json"
STEPS, SEED = 60, 0
PROMPTS, PROMPT, ASKED = 4, 3, 1
"""The last of the quickstart's prompts, which are those of this seed."""
ANSWERS, DICE = 8, 2


def opening() -> dict[str, Any]:
    """The prompt, and of each policy its first answer, whether it is right, and how many of its eight are."""
    task, policy = trlib.load_task("dial"), trlib.load_policy("dial")
    prompt = task.prompts(PROMPTS, seed=ASKED)[PROMPT]

    def look(policy: Policy) -> dict[str, Any]:
        drawn = sample(policy, [prompt.text], group=ANSWERS, max_tokens=task.max_tokens, seed=DICE)
        rewards = [
            int(task.verify(prompt, text, ended=ended).reward)
            for text, ended in zip(drawn.texts(), drawn.ended.tolist(), strict=True)
        ]
        return {"text": drawn.texts()[0], "reward": rewards[0], "right": sum(rewards), "of": ANSWERS}

    before = look(policy)
    trlib.train(policy, task, trlib.algorithms.GRPO(), steps=STEPS, seed=SEED, progress=False)
    return {"prompt": prompt.text, "answer": prompt.answer, "batches": STEPS, "before": before, "after": look(policy)}


def main() -> int:
    FILE.write_text(f"{json.dumps(opening(), indent=1)}\n", encoding="utf-8")
    print(f"opening: {FILE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
