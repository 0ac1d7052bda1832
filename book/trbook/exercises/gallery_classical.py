"""Exercises of the gallery's classical branch: the edge of a ball, the bound ahead, and what a
scaling does to a rare arm."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers


def _root(x: Tensor, direction: Tensor, radius: float, sign: float = 1.0) -> Tensor:
    """The τ at which x + τ direction has this length; `sign` picks one of the two."""
    a, b = direction @ direction, x @ direction
    return (-b + sign * (b * b + a * (radius * radius - x @ x)).sqrt()) / a


def _edge(x: Tensor, direction: Tensor, radius: float) -> Tensor:
    return x + _root(x, direction, radius) * direction


def _inside(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """A point inside a ball, and a direction; two numbers each."""
    x = draw.uniform(-1, 1, 2)
    return x, draw.uniform(0.3, 1, 2) * _signs(draw, 2), draw.number(1.6, 4)


def _signs(draw: Draw, count: int) -> Tensor:
    return 2.0 * draw.integers(0, 2, count).double() - 1


def _wrong_to_the_edge(x, direction, radius):
    a, b, root = direction @ direction, x @ direction, _root(x, direction, radius)
    return [
        (
            _edge(direction, direction, radius),
            "this starts in the ball's middle; start at x, which the search has reached.",
        ),
        (
            radius * (x + direction) / (x + direction).norm(),
            "this pulls x + direction back along a line through the middle; it has the right "
            "length, but no longer the right direction. Solve |x + τ direction| = radius for τ.",
        ),
        (
            x + _root(x, direction, radius, -1.0) * direction,
            "this is the edge behind x: of the two roots take the one with τ > 0.",
        ),
        (
            x + _root(x, direction, radius**0.5) * direction,
            "|x + τ d|² = radius²: the radius is not squared here.",
        ),
        (
            x + (radius - x.norm()) * direction / direction.norm(),
            "the length of x and the length of the rest add up only if both point the same way; "
            "solve for τ.",
        ),
        (root * direction, "this is the last piece alone; x itself is missing."),
        (
            x + ((radius**2 - x @ x) / a).sqrt() * direction,
            "this holds only if x and the direction are at a right angle: the term 2 τ "
            "x·direction is missing.",
        ),
        (
            x + direction,
            "this stops at x + direction; go on along the direction until the length is `radius`.",
        ),
        (
            x + root * a * direction,
            "the division by a = |direction|² is missing: τ = (-b + sqrt(b² - a c)) / a.",
        ),
        (
            x + (root - b / a) * direction,
            "-b with b = x·direction belongs to sqrt(b² - a c); with 2 b it is sqrt(4 b² - 4 a "
            "c), over 2 a.",
        ),
        (
            x + (-b + (b**2 + radius**2 - x @ x).clamp(min=0).sqrt()) * direction,
            "the direction need not have length 1: |direction|² belongs in the quadratic equation.",
        ),
    ]


check_to_the_edge = Exercise(
    "Is `to_the_edge(x, direction, radius)` the point in this direction from x at which the ball "
    "ends?",
    truth=_edge,
    inputs=_inside,
    examples=[([0.0, -0.6], [0.6, 0.0], 1.0), ([1.0, 0.0], [0.5, 1.0], 2.0)],
    wrong=_wrong_to_the_edge,
    praise="this line is all that turns conjugate gradients into a trust-region method: the path "
    "leaves the ball once, and never comes back.",
)


def _coleman_li(x: Tensor, g: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return torch.where(g < 0, high - x, x - low)


def _box(draw: Draw) -> tuple[Tensor, ...]:
    """Six coordinates inside bounds, and slopes of both signs, none 0."""
    low = draw.uniform(-2, 0, 6)
    return (
        low + draw.uniform(0.1, 3, 6),
        draw.uniform(0.2, 2, 6) * _signs(draw, 6),
        low,
        low + draw.uniform(3.2, 6, 6),
    )


def _wrong_coleman_li(x, g, low, high):
    right = _coleman_li(x, g, low, high)
    return [
        (
            _coleman_li(x, -g, low, high),
            "the bounds are crossed: where the slope g is negative, a step down it raises x, "
            "towards `high`.",
        ),
        (
            torch.minimum(x - low, high - x),
            "this is the nearer bound, whatever the sign of g: the naive scaling, which also "
            "slows a coordinate that wants to leave the bound.",
        ),
        (
            x - low,
            "this is the distance to `low` everywhere; where g < 0 the bound ahead is `high`.",
        ),
        (
            high - x,
            "this is the distance to `high` everywhere; where g > 0 the bound ahead is `low`.",
        ),
        (-right, "a distance is positive: `high - x` and `x - low`."),
        (right.sqrt(), "this is the square root, which scales the step; d itself is the distance."),
        (
            right / (high - low),
            "this is the distance as a share of the box's width; Coleman and Li take the distance "
            "itself.",
        ),
        (
            torch.minimum(x - low + (-g).clamp(min=0), high - x + g.clamp(min=0)),
            "this is Kanzow and Klug's scaling; Coleman and Li choose one of the two distances by "
            "the sign of g.",
        ),
    ]


check_coleman_li = Exercise(
    "Is `coleman_li(x, g, low, high)` the distance of each coordinate to the bound that a step "
    "down the slope meets?",
    truth=_coleman_li,
    inputs=_box,
    examples=[
        ([0.1, 0.1, 1.9, 1.9], [1.0, -1.0, 1.0, -1.0], [0.0, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0])
    ],
    wrong=_wrong_coleman_li,
    praise="two coordinates at the same distance from the same bound get the same d only if they "
    "move the same way.",
)

check_rare_arm = Numbers(
    "An arm of probability 0.01 and one of 0.5 have the same advantage over the average. How "
    "many times as long as the second arm's step is the first arm's, with the natural gradient "
    "and with Dikin's?",
    natural=Number(
        0.02,
        {
            1.0: "that is the growth as a share of its own probability; the question is about the "
            "step in probability.",
            50.0: "the wrong way round: the rare arm's step is the shorter one.",
            0.01: "did you divide by the step of an arm of probability 1? The other has 0.5.",
            0.0004: "that is Dikin's: the natural gradient multiplies by p once.",
            0.02
            ** 0.5: "the square root of d scales the ball; the step itself is d times the slope.",
        },
    ),
    dikin=Number(
        0.0004,
        {
            0.02: "that is the natural gradient's; Dikin's ball is as thin as p, so its step is "
            "proportional to p².",
            2500.0: "the wrong way round: the rare arm's step is the shorter one.",
            0.0001: "did you divide by the step of an arm of probability 1? The other has 0.5.",
            1.0: "that is no scaling at all.",
        },
    ),
    praise="the natural gradient multiplies both arms by the same factor. Dikin's lets the rare "
    "one grow fifty times more slowly, by its own measure.",
)
