"""A method's gradient weight as one line, in the language of the book's page *Write your own*, what
a line says of tokens, and a method made of one.

The line knows of a token its advantage A (after a correction), its probabilities p now and q under the
method's anchor, r = p/q, l = log r, the completion's s = exp(mean l), the token's place t from 0 and the
completion's length n. `mean(x)` and `largest(x)` are x's mean and largest value over a completion's tokens,
`sofar(x)` its sum up to this token, and `smallest(x)` its smallest value before it. A method whose weight
needs more than that has no line."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import torch
from torch import Tensor

NAME = re.compile(r"[A-Za-z_]\w*")
BINARY_KL = "(q*log(q/p) + (1 - q)*log((1 - q)/(1 - p)))"
"""KL(q || p) of the sampled token against all others."""


def clip(ratio: str = "r") -> str:
    """PPO's clip: 1 where it keeps a token, else 0."""
    return f"((A > 0 and {ratio} <= 1 + eps_high) or (A < 0 and {ratio} >= 1 - eps_low))"


def filled(formula: str, constants: Mapping[str, Any]) -> str:
    """A formula with numbers in the place of its constants' names."""
    return NAME.sub(
        lambda name: f"{constants[name[0]]:.10g}" if name[0] in constants else name[0], formula
    )


def of_tokens(
    advantages: Tensor, logp: Tensor, logp_old: Tensor, mask: Tensor
) -> dict[str, Tensor]:
    """What a line knows of tokens, [B, T] each, without gradient, in float64; `mask` is bool."""
    a, new, old = (
        x.detach().double().masked_fill(~mask, 0.0) for x in (advantages, logp, logp_old)
    )
    length = mask.sum(-1, keepdim=True).clamp(min=1).to(new)
    mean = (new - old).sum(-1, keepdim=True) / length
    known = {
        "A": a,
        "p": new.exp(),
        "q": old.exp(),
        "l": new - old,
        "r": (new - old).clamp(max=20.0).exp(),
        "s": mean.clamp(max=10.0).exp(),
        "t": (mask.cumsum(-1) - 1).to(new),
        "n": length,
    }
    return {"mask": mask} | {name: x.expand_as(new) for name, x in known.items()}


def check(line: str) -> None:
    """Raises ValueError: what is no line, or has a name that stands for nothing."""
    one = torch.zeros(1, 1)
    evaluate(line, of_tokens(one, one, one, one == 0))


def evaluate(line: str, known: Mapping[str, Tensor]) -> Tensor:
    """[B, T]: what a line, with numbers for its constants, says of every token of `of_tokens`. A
    comparison is 1 or 0; nothing times or over anything is nothing.
    Raises ValueError: what is no line."""
    try:
        tree = ast.parse(line.strip().replace("^", "**"), mode="eval").body
        return _value(tree, known).expand_as(known["A"])
    except (SyntaxError, LookupError, TypeError) as error:
        raise ValueError(
            f"formula: expected a line of the language of *Write your own*, got {line!r}: {error}"
        ) from None


def _value(node: ast.AST, known: Mapping[str, Tensor]) -> Tensor:
    like = known["A"]
    of: tuple[ast.expr, ...]
    match node:
        case ast.Constant(value=int() | float() as number):
            return like.new_tensor(float(number))
        case ast.Name(id=name):
            if name not in known or name == "mask":
                letters = ", ".join(sorted(known.keys() - {"mask"}))
                raise LookupError(f"{name!r} is none of {letters}, and no setting")
            return known[name]
        case ast.BoolOp(op=op, values=parts):
            truths = [_value(part, known) != 0 for part in parts]
            return reduce(OPERATIONS[type(op)], truths).to(like)
        case ast.BinOp(left=a, op=op, right=b) | ast.Compare(left=a, ops=[op], comparators=[b]):
            make, of = OPERATIONS[type(op)], (a, b)
        case ast.UnaryOp(op=op, operand=a):
            make, of = OPERATIONS[type(op)], (a,)
        case ast.Call(func=ast.Name(id=name), args=[a]) if name in OF_COMPLETIONS:
            return OF_COMPLETIONS[name](_value(a, known).expand_as(like), known["mask"])
        case ast.Call(func=ast.Name(id=name), args=args):
            if name not in FUNCTIONS:
                raise LookupError(f"{name!r} is none of {', '.join([*FUNCTIONS, *OF_COMPLETIONS])}")
            make, of = FUNCTIONS[name], tuple(args)
        case _:
            raise LookupError(f"no {type(node).__name__}")
    return make(*(_value(one, known) for one in of)).to(like)


def _over(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a == 0, 0.0, a / b)


OPERATIONS: dict[type[ast.AST], Callable[..., Tensor]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: lambda a, b: torch.where((a == 0) | (b == 0), 0.0, a * b),
    ast.Div: _over,
    ast.Pow: torch.pow,
    ast.LtE: operator.le,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.Gt: operator.gt,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: lambda a: a == 0,
}
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "min": lambda *of: reduce(torch.minimum, of),
    "max": lambda *of: reduce(torch.maximum, of),
    "clip": lambda x, low, high: torch.minimum(high, torch.maximum(low, x)),
    "where": lambda test, yes, no: torch.where(test != 0, yes, no),
    **{
        name: getattr(torch, name)
        for name in ("abs", "sign", "exp", "log", "sqrt", "tanh", "sigmoid")
    },
}


def _smallest(x: Tensor, mask: Tensor) -> Tensor:
    before = x.masked_fill(~mask, torch.inf)[:, :-1]
    return torch.nn.functional.pad(before, (1, 0), value=torch.inf).cummin(-1).values


OF_COMPLETIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": lambda x, mask: _over(
        x.masked_fill(~mask, 0.0).sum(-1, keepdim=True), mask.sum(-1, keepdim=True)
    ),
    "largest": lambda x, mask: x.masked_fill(~mask, -torch.inf).amax(-1, keepdim=True),
    "sofar": lambda x, mask: x.masked_fill(~mask, 0.0).cumsum(-1),
    "smallest": _smallest,
}
