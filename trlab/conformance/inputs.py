"""The batches of the golden vectors: small, decimal, and each of them there to tell definitions
apart.

Numbers are drawn by the standard library's generator and rounded, so that they read as short
decimals, are the same in every language that reads the JSON file, and do not depend on a version of
torch.
"""

from __future__ import annotations

import math
import random
from typing import Any

LENGTH = 6
HORIZON = 8
"""The divisor of `seq-mean-token-sum-norm`: not the rows' width, or a mean over padding would look
like it."""
"""T, the padded width."""
ROWS = 4
"""B."""
RAGGED = ("111111", "111100", "100000", "111000")
HOLES = ("111111", "110011", "010000", "101110")
"""What a tool wrote stands between two of the policy's turns."""
JUNK = {"logp": -2.5, "logp_old": -7.25, "logp_rollout": -6.5, "advantages": -9.0}
"""What stands where the mask is 0: finite, and wrong for everyone who reads it."""
ADVANTAGES = (1.25, -0.75, 0.5, -1.0)


def batches() -> list[dict[str, Any]]:
    """Every batch as plain lists, in the order of the file."""
    near, wide = _gauss(0.05), _gauss(0.6)
    return [
        _batch(
            "on-policy",
            "All three policies are one: every ratio is 1, and any trust region is silent.",
            RAGGED,
            lambda r: 0.0,
        ),
        _batch(
            "near", "Ratios within a few percent of 1; rows as ragged as they come.", RAGGED, near
        ),
        _batch(
            "off-policy", "Ratios on both sides of every window; holes in the mask.", HOLES, wide
        ),
        _batch(
            "two anchors",
            "The recomputed old policy and the one that sampled disagree.",
            RAGGED,
            _gauss(0.9),
            rollout=_gauss(0.9),
        ),
        _batch(
            "rare tokens",
            "Probabilities below one in a hundred, ratios from 1/60 to 60: large ratios that move "
            "no mass.",
            RAGGED,
            lambda r: r.choice([-1, 1]) * r.uniform(0.5, 4.1),
            likely=(7.0, 9.5),
        ),
        _batch(
            "extreme ratios",
            "Log-ratios of ten to thirty nats, a whole row of each sign.",
            HOLES,
            lambda r: r.uniform(10.5, 30.0),
            signs=(-1, 1, 1, -1),
            likely=(0.01, 0.5),
        ),
        _likely(),
        _edges(),
        _batch(
            "no advantage",
            "Advantages of 0 at ratios far from 1: nothing may move.",
            RAGGED,
            wide,
            advantages=(0.0, 0.8, 0.0, -0.6),
        ),
        _batch(
            "token advantages",
            "An advantage of its own for each token, of both signs in a row.",
            HOLES,
            wide,
            advantages=None,
        ),
        _batch(
            "an empty row",
            "A row with nothing unmasked, and a row of one token.",
            ("111111", "000000", "100000", "110000"),
            wide,
        ),
        _batch(
            "nothing unmasked",
            "A batch with nothing unmasked: loss 0, gradient 0.",
            ("000000",) * ROWS,
            wide,
        ),
    ]


def distributions() -> dict[str, Any]:
    """Whole distributions over five tokens, for what a sampled token's log-prob cannot say."""
    rng = random.Random("distributions")

    def rows(spread: float) -> list[list[list[float]]]:
        return [
            [_normalised([rng.gauss(0, spread) for _ in range(5)]) for _ in range(4)]
            for _ in range(2)
        ]

    old = rows(1.5)
    new = [
        [_normalised([x + rng.gauss(0, 0.9 if t else 0.02) for x in q]) for t, q in enumerate(row)]
        for row in old
    ]
    return {
        "logp": new,
        "logp_old": old,
        "tokens": [[0, 3, 1, 4], [2, 2, 0, 1]],
        "advantages": [[1.25] * 4, [-0.75] * 4],
        "mask": [[1, 1, 1, 1], [1, 1, 1, 0]],
    }


def groups() -> dict[str, Any]:
    """Rewards of completions by prompt: groups of several sizes, interleaved, one of them all
    equal."""
    return {
        "rewards": [1.0, 0.0, 0.25, 1.0, 0.5, 0.5, 0.0, 3.0, 0.5, -1.0],
        "group": [0, 0, 1, 0, 2, 2, 1, 3, 2, 3],
        "lengths": [3, 1, 4, 1, 5, 2, 6, 5, 3, 2],
    }


def fours() -> dict[str, Any]:
    """The same in groups of four, one after the other, for libraries that know no others."""
    return {
        "rewards": [1.0, 0.0, 0.0, 1.0, 0.25, 0.5, -1.0, 2.0, 0.5, 0.5, 0.5, 0.5],
        "group": [0] * 4 + [1] * 4 + [2] * 4,
        "lengths": [3, 1, 4, 1, 5, 2, 6, 5, 3, 2, 4, 4],
    }


def alone() -> dict[str, Any]:
    """A group of two and a group of one."""
    return {"rewards": [1.0, 0.0, 0.75], "group": [0, 0, 1], "lengths": [3, 1, 4]}


def matrix() -> dict[str, Any]:
    """A tall matrix and two of its gradients."""
    rng = random.Random("matrix")

    def drawn() -> list[list[float]]:
        return [[round(rng.gauss(0, 1), 2) for _ in range(3)] for _ in range(5)]

    return {"weights": drawn(), "gradients": [drawn(), drawn()], "lr": 0.02, "momentum": 0.95}


def critic() -> dict[str, Any]:
    """Rewards and values of tokens for generalised advantage estimation."""
    rng = random.Random("critic")
    mask = [[int(c) for c in row] for row in HOLES]
    rewards = [[round(rng.uniform(-1, 1), 2) for _ in range(LENGTH)] for _ in range(ROWS)]
    values = [[round(rng.uniform(-1, 1), 3) for _ in range(LENGTH)] for _ in range(ROWS)]
    return {"rewards": rewards, "values": values, "mask": mask, "gamma": 0.99, "lam": 0.95}


def _gauss(spread: float) -> Any:
    return lambda rng: rng.gauss(0, spread)


def _normalised(logits: list[float]) -> list[float]:
    total = math.log(math.fsum(math.exp(x) for x in logits))
    return [x - total for x in logits]


def _batch(
    name: str,
    about: str,
    rows: tuple[str, ...],
    ratio: Any,
    *,
    rollout: Any = None,
    likely: tuple[float, float] = (0.05, 2.5),
    signs: tuple[int, ...] = (1, 1, 1, 1),
    advantages: tuple[float, ...] | None = ADVANTAGES,
) -> dict[str, Any]:
    rng = random.Random(name)
    mask = [[int(c) for c in row] for row in rows]
    batch: dict[str, Any] = {
        "name": name,
        "about": about,
        "logp": [],
        "logp_old": [],
        "logp_rollout": [],
        "advantages": [],
        "mask": mask,
        "rewards": [1.0, 0.0, 1.0, 0.25],
        "group": [0, 0, 1, 1],
    }
    for i, row in enumerate(mask):
        made: dict[str, list[float]] = {key: [] for key in JUNK}
        for here in row:
            first = -round(rng.uniform(*likely), 3)
            second = first - round(signs[i] * ratio(rng), 3)
            # The lower of the two stays where it is, the higher comes down to a probability.
            if second > -0.001:
                first, second = round(first - second - 0.001, 3), -0.001
            third = second if rollout is None else min(-0.001, second + rollout(rng))
            a = round(rng.gauss(0, 1), 2) if advantages is None else advantages[i]
            values = {"logp": first, "logp_old": second, "logp_rollout": third, "advantages": a}
            for key, column in made.items():
                column.append(round(values[key], 3) if here else JUNK[key])
        for key, column in made.items():
            batch[key].append(column)
    return batch


def _likely() -> dict[str, Any]:
    """Next to probability 1, where 1 - p has no digits left for a constant inside a logarithm to
    hide in."""
    batch = _batch(
        "likely tokens",
        "Probabilities next to 1: 0.997 becomes 1 - 1e-12, and back.",
        RAGGED,
        lambda r: 0.0,
    )
    pairs = [
        (-1e-12, math.log(0.997)),
        (math.log(0.997), -1e-12),
        (-1e-9, -1e-3),
        (-1e-3, -1e-9),
        (-1e-6, -1e-6),
        (math.log(0.9), -1e-4),
        (-1e-12, math.log(0.995)),
    ]
    rows = [[0, 1, 2, 3, 4, 6], [1, 0, 3, 5], [0], [6, 0, 1]]
    for i, row in enumerate(rows):
        for t, pair in enumerate(row):
            batch["logp"][i][t], batch["logp_old"][i][t] = pairs[pair]
            batch["logp_rollout"][i][t] = pairs[pair][1]
    return batch


def _edges() -> dict[str, Any]:
    """Either side of the thresholds, going outward: ratios of rare tokens, then total variations
    around 0.15 and binary divergences around 0.05."""
    batch = _batch(
        "at the edge",
        "Ratios, total variations and binary divergences just below and just above the usual "
        "thresholds.",
        ("111111",) * ROWS,
        lambda r: 0.0,
    )
    pairs = [
        [(0.1, 0.1 * r) for r in (1.195, 1.205, 1.215, 1.275, 1.285, 1.295)],
        [(0.1, 0.1 * r) for r in (0.805, 0.795, 0.785, 0.705, 0.695, 0.71)],
        [(0.4, 0.4 + d) for d in (0.145, 0.1495, 0.1505, 0.155)]
        + [(0.4, 0.55688), (0.4, 0.558446)],
        [(0.6, 0.6 - d) for d in (0.145, 0.1495, 0.1505, 0.155)]
        + [(0.6, 0.443119), (0.6, 0.441554)],
    ]
    for i, row in enumerate(pairs):
        for t, (q, p) in enumerate(row):
            batch["logp"][i][t] = round(math.log(p), 6)
            batch["logp_old"][i][t] = batch["logp_rollout"][i][t] = round(math.log(q), 6)
    return batch
