"""What the run explorer offers to try and asks before it shows: each the first of its kind that has
a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NO_REGION = (
    "Make it fail: the unclipped run moves the policy further in a batch than it can learn from. The "
    "KL shows it from the first batch on; then look at the reward."
)
THRESHOLDS = (
    "What to notice: a row of the table is one method at five thresholds. They change its result "
    "by more than most methods differ, so a comparison at defaults compares defaults."
)
SLOW = (
    "What to notice: QUATRO keeps more entropy, and its reward is still lower. Compare entropies "
    "where the rewards are equal, not where the batches are."
)
PRESETS: Sequence[tuple[str, str, Sequence[dict[str, Any]]]] = (
    (
        "make it fail",
        NO_REGION,
        (
            {
                "sweep": "reuse",
                "at": {"uses": "16"},
                "methods": ["pg_is", "ppo", "troll"],
                "measure": "kl",
                "cell": "pg_is",
            },
            {
                "sweep": "shootout",
                "at": {"updates": "32"},
                "methods": ["pg_is", "ppo", "troll"],
                "measure": "kl",
                "cell": "pg_is",
            },
        ),
    ),
    (
        "one method, five thresholds",
        THRESHOLDS,
        (
            {
                "sweep": "tuning",
                "at": {"threshold": "10"},
                "methods": ["ppo", "gspo", "troll"],
                "measure": "kl",
                "cell": "ppo",
            },
        ),
    ),
    (
        "slow is not diverse",
        SLOW,
        (
            {
                "sweep": "diversity",
                "at": {"updates": "8"},
                "methods": ["ppo", "quatro"],
                "measure": "entropy",
                "cell": "quatro",
            },
        ),
    ),
)
"""Name, sentence, and the choices that show it, the best first."""
QUESTION: dict[str, Any] = {
    "text": "The sampler's weights are rounded to four bits, the learner's are not, and each "
    "method measures its region from the policy that sampled. Which of these ends highest?",
    "options": ["pg_is", "ppo", "dppo-tv", "troll"],
    "state": {
        "sweep": "mismatch",
        "at": {"sampler": "int4", "anchor": "rollout"},
        "methods": ["pg_is", "ppo", "dppo-tv", "troll"],
        "measure": "reward",
        "cell": "",
    },
    "why": "A region around a policy other than the learner's holds the learner where it never "
    "was; the ratio alone, without a region, only weighs.",
}


def available(names: Sequence[str]) -> list[dict[str, Any]]:
    """The presets that these sweeps can show."""
    found = []
    for name, text, states in PRESETS:
        state = next((state for state in states if state["sweep"] in names), None)
        if state is not None:
            found.append({"name": name, "text": text, "state": state})
    return found
