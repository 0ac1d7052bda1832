"""Stale, asynchronous and long: what is done where an older policy, or another engine, wrote the
data.

Three questions, one module each: what is left out (`masks`), how hard the rest pushes (`weights`),
and what distance costs (`penalties`). r is π/μ, with μ the policy that sampled, unless a method
says otherwise."""

from typing import Any

from trlib.relatives.asynchrony import masks, penalties, weights

RELATIVES: dict[str, Any] = weights.RELATIVES | masks.RELATIVES | penalties.RELATIVES
