"""A method as one line: read as arithmetic by code that shares nothing with the losses, it gives the
weight of every token."""

import ast
from dataclasses import dataclass

import numpy as np
import pytest

from tests.losses import batch, tokens
from trlib import algorithms as a
from trlib import relatives
from trlib.algorithms import Method, Scores, TokenLoss
from trlib.methods import OBJECTIVES

FUNCTIONS = {
    "min": np.minimum,
    "max": np.maximum,
    "clip": np.clip,
    "where": np.where,
    "abs": np.abs,
    "sign": np.sign,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}
OPERATIONS = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.LtE: np.less_equal,
    ast.Lt: np.less,
    ast.GtE: np.greater_equal,
    ast.Gt: np.greater,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}


def value(line, known):
    """What a line says of every token."""

    def of(node):
        match node:
            case ast.Expression():
                return of(node.body)
            case ast.Constant():
                return node.value
            case ast.Name():
                return known[node.id]
            case ast.BinOp():
                return OPERATIONS[type(node.op)](of(node.left), of(node.right)) * 1.0
            case ast.UnaryOp(op=ast.USub()):
                return -of(node.operand)
            case ast.BoolOp():
                parts = [of(part) for part in node.values]
                for part in parts[1:]:
                    parts[0] = OPERATIONS[type(node.op)](parts[0], part)
                return parts[0]
            case ast.Compare(ops=[op], comparators=[other]):
                return OPERATIONS[type(op)](of(node.left), of(other))
            case ast.Call():
                return FUNCTIONS[node.func.id](*map(of, node.args))
        raise AssertionError(ast.dump(node))

    return of(ast.parse(line.replace("^", "**"), mode="eval"))


METHODS = {name: kind() for name, kind in OBJECTIVES.items()} | {
    "ppo dual clip": a.PPO(eps_high=0.28, dual_clip=1.5),
    "cispo upper": a.CISPO(eps_low=None),
    "gspo wide": a.GSPO(eps_low=0.1, eps_high=0.15),
    "dppo two thresholds": a.DPPO(delta_tv=(0.1, 0.2), max_ratio=1.3),
    "dppo kl": a.DPPO(delta_kl=0.05),
    "dppo two kl": a.DPPO(delta_kl=(0.01, 0.06)),
    "dppo unsigned": a.DPPO(delta_tv=(0.05, 0.1), signed=False),
    "dppo unsigned kl": a.DPPO(delta_kl=0.02, signed=False),
    **{
        f"centered {kind}": a.Centered(weight=kind, center=False, cap=1.2, floor=0.8, delta_tv=0.05)
        for kind in ("none", "ratio", "truncated", "window", "mask")
    },
    "r2vpo at a fixed price": relatives.RELATIVES["r2vpo"](dual_lr=0.0),
    "topr token": relatives.RELATIVES["topr"](level="token"),
}
LINES = {name: method for name, method in METHODS.items() if method.line is not None}


def weight_of(method, logp, part):
    """The weight of the method's own loss; of one with a critic, of the policy's part."""
    if hasattr(method, "policy_loss"):
        return method.policy_loss(Scores(logp), part).diagnostics["weight"]
    if method.needs(method.anchor).values:
        return a.PPO.objective(method, Scores(logp), part).diagnostics["weight"]
    return method.objective(Scores(logp), part).diagnostics["weight"]


@pytest.mark.parametrize("name", LINES)
def test_a_line_gives_the_weight_of_the_loss(name):
    method, given = LINES[name], tokens(3, b=64, t=5)
    # Sampler, old policy and policy differ, and a completion has one advantage, some of them 0.
    given["advantages"] = given["rewards"].unsqueeze(-1).expand_as(given["logp"])
    mask, anchor = given["mask"], "rollout" if method.anchor == "rollout" else "recomputed"
    part = batch(
        mask,
        logp_rollout=given["logp_anchor"],
        logp_old=given["logp_old"],
        advantages=given["advantages"],
        anchor=anchor,
    )
    found = weight_of(method, given["logp"], part)
    old = part.logp_anchor
    log_ratio = ((given["logp"] - old) * mask).numpy()
    length = np.maximum(mask.sum(-1, keepdim=True).numpy(), 1)
    whole = np.broadcast_to(log_ratio.sum(-1, keepdims=True) / length, log_ratio.shape)
    said = value(
        method.line,
        {
            "A": given["advantages"].numpy(),
            "p": given["logp"].exp().numpy(),
            "q": old.exp().numpy(),
            "l": log_ratio,
            "r": np.exp(log_ratio),
            "s": np.exp(whole),
            "n": np.broadcast_to(length, log_ratio.shape) * 1.0,
        },
    )
    counted = mask.numpy()
    np.testing.assert_allclose(
        np.broadcast_to(said, counted.shape)[counted], found.numpy()[counted], rtol=1e-9, atol=1e-12
    )
    assert np.unique(np.sign(found.numpy()[counted])).size > 1


def test_a_class_with_a_loss_of_its_own_inherits_no_line():
    @dataclass(frozen=True, kw_only=True)
    class Mine(a.PPO):
        def objective(self, scores, batch):
            return TokenLoss(-scores.logp)

    @dataclass(frozen=True, kw_only=True)
    class Wider(a.PPO):
        eps_high: float = 0.5

    assert Mine().line is None and Method().line is None and a.GRPO(beta=0.1).line is None
    assert Wider().line == "A*r*((A > 0 and r <= 1.5) or (A < 0 and r >= 0.8))"
    assert a.PPO(eps_high=0.3).line == "A*r*((A > 0 and r <= 1.3) or (A < 0 and r >= 0.8))"
