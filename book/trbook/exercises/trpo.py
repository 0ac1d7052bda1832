"""Exercises of chapter 3, TRPO: products with the Fisher matrix, the full step, the line search, and what certainty
does to a step."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers


def _product(p: Tensor, jacobian: Tensor, v: Tensor) -> Tensor:
    along = jacobian @ v
    inner = p * along - p * (p * along).sum(-1, keepdim=True)
    return torch.einsum("sad,sa->d", jacobian, inner) / len(p)


def _without_centre(p: Tensor, jacobian: Tensor, v: Tensor) -> Tensor:
    return torch.einsum("sad,sa->d", jacobian, p * (jacobian @ v)) / len(p)


def _softmax(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Four states, three tokens, two parameters."""
    weights = draw.uniform(0.2, 2, 4, 3)
    return weights / weights.sum(-1, keepdim=True), draw.uniform(-2, 2, 4, 3, 2), draw.uniform(-2, 2, 2)


check_fisher_product = Exercise(
    "Is `fisher_product(p, jacobian, v)` the Fisher matrix times v, without the matrix?",
    truth=_product,
    inputs=_softmax,
    examples=[([[0.5, 0.5]], [[[1.0, 0.0], [0.0, 0.0]]], [1.0, 1.0])],
    mistakes=[
        Mistake(
            "no centre",
            _without_centre,
            "this takes `diag(p)` alone; the softmax's matrix is `diag(p) - p p'`: subtract `p` times the mean of "
            "`J v` under `p`.",
        ),
        Mistake(
            "plain mean",
            lambda p, jacobian, v: (
                torch.einsum("sad,sa->d", jacobian, p * (jacobian @ v - (jacobian @ v).mean(-1, keepdim=True))) / len(p)
            ),
            "the mean of `J v` that is subtracted is the mean under `p`, not the plain one.",
        ),
        Mistake(
            "sum over states",
            lambda p, jacobian, v: len(p) * _product(p, jacobian, v),
            "this sums over the states; the KL is their mean, and so is F.",
        ),
        Mistake(
            "no weights",
            lambda p, jacobian, v: torch.einsum("sad,sa->d", jacobian, jacobian @ v) / len(p),
            "this is the mean of `J' J v`: distances between logits. Between `J'` and `J` stands "
            "`diag(p) - p p'`, which turns them into distances between distributions.",
        ),
        Mistake(
            "centred without weights",
            lambda p, jacobian, v: (
                torch.einsum("sad,sa->d", jacobian, jacobian @ v - (p * (jacobian @ v)).sum(-1, keepdim=True)) / len(p)
            ),
            "the centre is right, and each centred entry still has to be multiplied by its `p`.",
        ),
        Mistake(
            "second p forgotten",
            lambda p, jacobian, v: (
                torch.einsum("sad,sa->d", jacobian, p * (jacobian @ v) - (p * (jacobian @ v)).sum(-1, keepdim=True))
                / len(p)
            ),
            "`p p'` times `J v` is the mean of `J v` under `p`, times `p` once more.",
        ),
        Mistake(
            "diagonal",
            lambda p, jacobian, v: torch.einsum("sad,sa->d", jacobian, p * (1 - p) * (jacobian @ v)) / len(p),
            "`p (1 - p)` is the diagonal of `diag(p) - p p'`; the entries beside it, `-p_a p_b`, belong too.",
        ),
        Mistake(
            "half",
            lambda p, jacobian, v: _product(p, jacobian, v) / 2,
            "the half belongs to the KL, v'Fv/2, and not to F itself.",
        ),
        Mistake(
            "mean over entries",
            lambda p, jacobian, v: _product(p, jacobian, v) / p.shape[-1],
            "the mean is over the states alone; over the tokens it is a sum, which `p` weights.",
        ),
        Mistake(
            "damped",
            lambda p, jacobian, v: _product(p, jacobian, v) + 0.1 * v,
            "this adds the damping; F alone is wanted.",
        ),
    ],
    praise="two products with J and one with its transpose, whatever the number of parameters: the matrix itself was "
    "never there.",
)


def _full_step(x: Tensor, product: Tensor, delta: float) -> Tensor:
    return (2 * delta / (x @ product)).sqrt() * x


def _directions(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """x and F x for a positive definite F."""
    root = draw.uniform(-1, 1, 3, 3)
    x = draw.uniform(0.5, 2, 3)
    return x, root.T @ (root @ x) + 0.5 * x, draw.number(0.01, 0.5)


check_full_step = Exercise(
    "Is `full_step(x, product, delta)` the multiple of x whose quadratic KL is delta, `product` being F x?",
    truth=_full_step,
    inputs=_directions,
    examples=[([1.0, 0.0], [2.0, 1.0], 0.01), ([3.0, 4.0], [0.3, 0.4], 0.1)],
    mistakes=[
        Mistake(
            "no half",
            lambda x, product, delta: (delta / (x @ product)).sqrt() * x,
            "the quadratic KL is *half* of x'Fx, so a 2 stands beside delta.",
        ),
        Mistake(
            "no root",
            lambda x, product, delta: 2 * delta / (x @ product) * x,
            "the KL grows with the square of the step, so its factor is a square root.",
        ),
        Mistake(
            "Euclidean length",
            lambda x, product, delta: _full_step(x, x, delta),
            "this has a fixed Euclidean length; the length is to be measured by F: x'Fx.",
        ),
        Mistake(
            "radius as length",
            lambda x, product, delta: delta * x / x.norm(),
            "this goes a distance of delta in the parameters; delta is nats of KL, x'Fx/2.",
        ),
        Mistake(
            "turned around",
            lambda x, product, delta: (x @ product / (2 * delta)).sqrt() * x,
            "the fraction is turned over: a larger x'Fx needs a smaller factor.",
        ),
        Mistake(
            "steps along F x",
            lambda x, product, delta: _full_step(product, x, delta),
            "the step goes along x; F x only measures it.",
        ),
        Mistake(
            "half of delta",
            lambda x, product, delta: (delta / (2 * (x @ product))).sqrt() * x,
            "the 2 is on the wrong side: x'Fx/2 = delta gives x'Fx = 2 delta.",
        ),
        Mistake(
            "length of F x",
            lambda x, product, delta: _full_step(x, product, delta) * ((x @ product) / (product @ product)).sqrt(),
            "this measures F x by itself; the curvature along x is `x @ product`.",
        ),
        Mistake(
            "downhill",
            lambda x, product, delta: -_full_step(x, product, delta),
            "x points where the surrogate rises; this goes the other way.",
        ),
    ],
    praise="twice the x gives the same step: conjugate gradients have to find a direction, not a length.",
)


def _search(kl: Tensor, gain: Tensor, delta: float) -> Tensor:
    passed = ((kl <= delta) & (gain > 0)).nonzero().flatten()
    return passed[0].double() if len(passed) else torch.tensor(-1.0, dtype=torch.float64)


def _first(good: Tensor) -> Tensor:
    passing = good.nonzero().flatten()
    return passing[0].double() if len(passing) else torch.tensor(-1.0, dtype=torch.float64)


def _or(found: Tensor, none: int) -> Tensor:
    """What is found, or another number where nothing is."""
    return found if found >= 0 else torch.tensor(float(none), dtype=torch.float64)


def _from_one(found: Tensor) -> Tensor:
    return found + 1 if found >= 0 else found


def _tries(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """In any order: some that pass, more of them where delta is large; one too far; three that have not risen."""
    delta, order = draw.number(0.5, 1.6), draw.uniform(0, 1, 8).argsort()
    kl = torch.tensor([0.4, 1.2, 1.5, 1.8, 3.0, 0.5, 0.3, 0.2], dtype=torch.float64) * draw.uniform(0.9, 1.1, 8)
    gain = torch.tensor([1, 2, 3, 4, 5, -2, -3, -1], dtype=torch.float64) / 10 * draw.uniform(0.8, 1.2, 8)
    return kl[order], gain[order], delta


check_line_search = Exercise(
    "Does `line_search(kl, gain, delta)` give the number of the try that is taken, from 0, and -1 where none is?",
    truth=_search,
    inputs=_tries,
    examples=[
        ([0.03, 0.012, 0.008, 0.005], [0.2, 0.1, -0.1, 0.05], 0.01),
        ([0.5, 0.3], [0.1, 0.2], 0.01),
        ([0.02, 0.009, 0.008, 0.004], [0.2, 0.1, 0.3, 0.05], 0.01),
        ([0.03, 0.02, 0.008], [-0.1, 0.1, 0.2], 0.01),
        ([0.02, 0.01, 0.005], [0.3, 0.2, 0.1], 0.01),
        ([0.008, 0.004], [0.0, 0.1], 0.01),
    ],
    mistakes=[
        Mistake(
            "KL below delta",
            lambda kl, gain, delta: _first((kl < delta) & (gain > 0)),
            "a KL of exactly `delta` is still inside: *at most* `delta`.",
        ),
        Mistake(
            "no loss",
            lambda kl, gain, delta: _first((kl <= delta) & (gain >= 0)),
            "a try that gains exactly nothing passes here; the surrogate must have *risen*: `gain > 0`.",
        ),
        Mistake(
            "KL alone",
            lambda kl, gain, delta: _first(kl <= delta),
            "this asks for the KL alone; the surrogate must have risen as well: `gain > 0`.",
        ),
        Mistake(
            "gain alone",
            lambda kl, gain, delta: _first(gain > 0),
            "this asks for the gain alone; the KL must be at most `delta` as well.",
        ),
        Mistake(
            "best gain",
            lambda kl, gain, delta: (
                torch.where((kl <= delta) & (gain > 0), gain, -torch.inf).argmax().double()
                if len(((kl <= delta) & (gain > 0)).nonzero())
                else torch.tensor(-1.0).double()
            ),
            "this looks for the best of all tries; the line search takes the *first* that passes and stops, "
            "because each try costs a forward pass.",
        ),
        Mistake(
            "0 for none",
            lambda kl, gain, delta: _search(kl, gain, delta).clamp(min=0),
            "where no try passes, -1 is wanted: the old parameters stay. 0 would take the full step.",
        ),
        Mistake(
            "last",
            lambda kl, gain, delta: (
                ((kl <= delta) & (gain > 0)).nonzero().flatten()[-1:].double().sum()
                if ((kl <= delta) & (gain > 0)).any()
                else torch.tensor(-1.0).double()
            ),
            "this takes the last try that passes, the shortest step; the first one is the longest.",
        ),
        Mistake(
            "either",
            lambda kl, gain, delta: _first((kl <= delta) | (gain > 0)),
            "this is content with one of the two; KL *and* gain have to be in order.",
        ),
        Mistake(
            "counted from 1",
            lambda kl, gain, delta: _from_one(_search(kl, gain, delta)),
            "the tries are counted from 0, and this counts from 1.",
        ),
        Mistake(
            "last for none",
            lambda kl, gain, delta: _or(_search(kl, gain, delta), len(kl) - 1),
            "where no try passes, this takes the last one all the same; -1 is wanted: the old parameters stay.",
        ),
        Mistake(
            "their number for none",
            lambda kl, gain, delta: _or(_search(kl, gain, delta), len(kl)),
            "where no try passes, this gives the number of tries; -1 is wanted.",
        ),
    ],
    praise="each try is a forward pass over the batch. On `dial` the first or the second is nearly always taken.",
)

check_damping = Numbers(
    "In a direction where F is 0.05, with damping 0.1 and delta 0.01: the KL that the full step spends, and without "
    "the damping.",
    damped=Number(
        0.01 / 3,
        {
            0.01: "the damping is inside x'Fx, so that the step is shorter than the radius allows.",
            0.02 / 3: "that is the damping's share of the radius; the other share, 0.05 of 0.15, is KL.",
            0.01 / 9: "0.05 of 0.15 once, not twice: d'(F + 0.1)d/2 is delta, and d'Fd/2 is a third of that.",
            0.0033: "two digits of it; three are wanted.",
            0.005: "the step is scaled by F + damping, which is 0.15, and not by the damping alone.",
            1 / 3: "that is the share of the radius; in nats it is a third of delta.",
            0.02: "the damping makes the step shorter, so that the KL is below delta.",
        },
    ),
    undamped=Number(
        0.01,
        {
            0.01 / 3: "that is with the damping; without it the quadratic KL is delta.",
            0.005: "the half is in the quadratic KL already: x'Fx/2, and the step is scaled until that is delta.",
            0.02: "the quadratic KL is x'Fx/2, and the step is scaled until that is delta.",
        },
    ),
    praise="where F is small beside the damping, most of the radius stays unspent. Damping is a second, hidden radius.",
)

check_certainty = Numbers(
    "A coin with probability 0.99 beside one with 0.5, the same to gain and the same delta, its logit the parameter: "
    "how many times as long is the gradient, and the full natural step?",
    gradient=Number(
        0.0396,
        {
            25.25: "turned around: p (1 - p) is small for a coin that is almost certain, and so is its gradient.",
            0.99 / 0.5: "the derivative of the sigmoid is p (1 - p), not p.",
            0.01 / 0.5: "the derivative of the sigmoid is p (1 - p), not 1 - p.",
            0.04: "two digits of it; three are wanted.",
            0.0099: "that is the second coin's p (1 - p); divide it by the first coin's, 0.25.",
            0.199: "that is the root of it; the gradient is p (1 - p) times what heads earns more than tails.",
        },
    ),
    natural=Number(
        5.0252,
        {
            0.199: "turned around: where F is small the logit has to go further to spend the same KL.",
            25.25: "the step is a square root: sqrt(2 delta / F).",
            1.0: "the steps spend the same KL; in the logit, which is asked for, they are not equally long.",
            0.0396: "that is the gradient; the natural step divides by F and scales to the radius.",
        },
    ),
    praise="the gradient crawls where the policy is certain, and the natural step strides. It also strides where the "
    "batch says almost nothing, and that is what this chapter measured.",
)

check_one_product = Numbers(
    "`iterations=1`: the cosine between x and the gradient; and how many products solve a problem of three parameters "
    "exactly?",
    cosine=Number(
        1.0,
        {
            0.0: "the first direction of conjugate gradients is the right-hand side itself, the gradient.",
            -1.0: "x points where the surrogate rises, as the gradient does.",
        },
    ),
    products=Number(
        3.0,
        {
            10.0: "ten is TRPO's usual limit; in n dimensions n products are exact.",
            2.0: "two settle two directions; the third may still be open.",
            9.0: "nine numbers has the matrix; each product settles one direction, and there are three.",
            1.0: "one product settles one direction only, unless F is a multiple of the identity.",
        },
    ),
    praise="one product gives the gradient's direction at the radius's length, which is all that this chapter's best "
    "TRPO needs. Try it in the loop above.",
)
