"""A batch for the ratio map: tokens with their probability before and after some updates, packed
small for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from trlib.model.completions import Completions

FAR = 16.0
"""Logits end here: the map's own end lies at -16.1 and 9.2."""


def token_batch(
    completions: Completions,
    advantages: Tensor,
    logp: Mapping[int, Tensor],
    *,
    prompts: Sequence[str],
    most: int = 160,
) -> dict[str, Any]:
    """What `RatioMap(batch=...)` draws: the tokens of completions whose advantage is not 0.

    Completions whose advantage is 0 are left out; of the others every k-th is taken, so that at
    most `most` remain.

    Args:
        completions: B of them, as sampled.
        advantages: [B], one per completion.
        logp: by the number of updates made, [B, T] log-probs of the sampled tokens, nats; the first
            is the policy that sampled, and its ratios are 1.
        prompts: the prompts' texts, in the order of `completions.group`.
        most: completions that are kept; 160 of `dial` and seven states take about 40 kB of a page.

    Raises:
        ValueError: no update, or shapes that do not agree.
    """
    if not logp:
        raise ValueError(
            "logp: expected the log-probs of the policy that sampled, and after updates; got none"
        )
    for update, values in logp.items():
        if tuple(values.shape) != tuple(completions.mask.shape):
            raise ValueError(
                f"logp: expected [B, T] = {list(completions.mask.shape)} after every update, got "
                f"{list(values.shape)} after {update}"
            )
    if tuple(advantages.shape) != (len(completions),):
        raise ValueError(
            f"advantages: expected [B] = [{len(completions)}], got {list(advantages.shape)}"
        )
    pushed = advantages.nonzero().squeeze(1)
    rows = pushed[:: max(1, -(-len(pushed) // most))]
    steps = [logits(values[rows][completions.mask[rows]]) for values in logp.values()]
    return {
        "updates": list(logp),
        "prompts": list(prompts),
        "old": steps[0],
        "new": steps,
        "completions": [
            {
                "prompt": int(completions.group[i]),
                "sign": int(advantages[i].sign()),
                "words": [
                    completions.tokenizer.decode([token]).strip()
                    for token in completions.tokens[i, completions.mask[i]].tolist()
                ],
            }
            for i in rows.tolist()
        ],
    }


def logits(logp: Tensor) -> list[int]:
    """Log-probs as logits in thousandths, which keep their digits next to 0 and next to 1."""
    logp = logp.double()
    log_odds = logp - (-logp.clamp(max=-1e-12).expm1()).log()
    return (1000 * log_odds.clamp(-FAR, FAR)).round().int().tolist()
