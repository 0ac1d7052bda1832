"""Exercises of chapter 4, PPO: the clipped weight, a penalty that adapts, advantages from a critic, and three units."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trlib import advantages as estimators
from trlib.algorithms.kl_penalty import adapt


def _weight(ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float, dual_clip: float) -> Tensor:
    # Written out, not `ppo_loss`: that refuses the impossible windows that arguments in the wrong places make.
    silenced = torch.where(advantages > 0, ratio > 1 + eps_high, (ratio < 1 - eps_low) | (ratio > dual_clip))
    return torch.where(silenced, 0.0, ratio * advantages)


def _kept_inside(ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float, dual_clip: float) -> Tensor:
    inside = (ratio >= 1 - eps_low) & (ratio <= 1 + eps_high)
    return torch.where(inside, ratio * advantages, 0.0)


def _capped(ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float, dual_clip: float) -> Tensor:
    return ratio.clamp(1 - eps_low, 1 + eps_high) * advantages


def _held_at(ratio: Tensor, advantages: Tensor, eps_low: float, eps_high: float, dual_clip: float) -> Tensor:
    weight = _weight(ratio, advantages, eps_low, eps_high, 1e9)
    return torch.where((advantages < 0) & (ratio > dual_clip), dual_clip * advantages, weight)


def _tokens(draw: Draw) -> tuple[Tensor, Tensor, float, float, float]:
    """Tokens below the window and above it, most of them pushed outward, and none on an edge."""
    ratio = torch.cat([draw.uniform(0.4, 1, 8), draw.uniform(1, 1.6, 8), draw.uniform(1.6, 5, 16)]) + 0.005
    sign = torch.tensor(6 * [-1.0] + 2 * [1.0] + 6 * [1.0] + 2 * [-1.0] + 15 * [-1.0] + [1.0], dtype=torch.float64)
    return (ratio, sign * draw.uniform(0.1, 2, 32), draw.number(0.1, 0.5), draw.number(0.1, 0.5), draw.number(1.6, 4.0))


check_weight = Exercise(
    "Is `weight(ratio, advantages, eps_low, eps_high, dual_clip)` PPO's gradient weight, with a dual clip?",
    truth=_weight,
    inputs=_tokens,
    examples=[([1.0, 1.5, 0.5, 1.5, 0.5, 5.0], [1.0, 1.0, 1.0, -1.0, -1.0, -1.0], 0.2, 0.3, 3.0)],
    mistakes=[
        Mistake(
            "no dual clip",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: _weight(ratio, advantages, eps_low, eps_high, 1e9),
            "where the advantage is negative and the ratio above `dual_clip`, the weight is 0 as well.",
        ),
        Mistake(
            "two-sided clip",
            _kept_inside,
            "this silences every token outside the window. A token outside that is pushed back toward it keeps "
            "its weight: the minimum looks at the sign of the advantage.",
        ),
        Mistake(
            "clipped weight",
            _capped,
            "this clamps the weight, as CISPO does; PPO's is 0 where the clip acts, because a constant has no "
            "gradient.",
        ),
        Mistake(
            "dual clip from 1 + c",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: _weight(
                ratio, advantages, eps_low, eps_high, 1 + dual_clip
            ),
            "`dual_clip` is a ratio, not a distance from 1: the floor begins at r = c.",
        ),
        Mistake(
            "clipped objective",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: torch.minimum(
                ratio * advantages, _capped(ratio, advantages, eps_low, eps_high, dual_clip)
            ),
            "this is the objective, not its slope: where the objective is constant the weight is 0, and the dual "
            "clip is still missing.",
        ),
        Mistake(
            "wrong sides",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: torch.where(
                torch.where(advantages < 0, ratio > 1 + eps_high, ratio < 1 - eps_low), 0.0, ratio * advantages
            ),
            "the sides are exchanged: with A > 0 a token is silent *above* the window, with A < 0 below it.",
        ),
        Mistake(
            "window around 0",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: _weight(
                ratio, advantages, 1 - eps_low, eps_high - 1, dual_clip
            ),
            "the window lies around 1: from 1 - `eps_low` to 1 + `eps_high`.",
        ),
        Mistake(
            "dual clip caps",
            _held_at,
            "above `dual_clip` the *loss* is held at a constant, and a constant has no gradient: the weight is 0.",
        ),
        Mistake(
            "on both signs",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: (
                _weight(ratio, advantages, eps_low, eps_high, dual_clip) * (ratio <= 1 + eps_high)
            ),
            "a token with A < 0 keeps its weight above the window, up to `dual_clip`.",
        ),
        Mistake(
            "advantage alone",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: (
                _weight(ratio, advantages, eps_low, eps_high, dual_clip) / ratio
            ),
            "the weight of a kept token is r A: the ratio's derivative in log π is the ratio itself.",
        ),
        Mistake(
            "turned sign",
            lambda ratio, advantages, eps_low, eps_high, dual_clip: (
                -_weight(ratio, advantages, eps_low, eps_high, dual_clip)
            ),
            "this is the loss's derivative; the weight is minus that, so a token with A > 0 is pushed up.",
        ),
    ],
    praise="of the four corners outside the window two are silent, one is pulled back gently (small r, A > 0), and one "
    "is pushed down the harder the further it has gone, up to the dual clip.",
)


def _adapted(beta: Tensor, kl: Tensor, target: Tensor) -> Tensor:
    return torch.tensor(
        [adapt(*each) for each in zip(beta.tolist(), kl.tolist(), target.tolist(), strict=True)], dtype=torch.float64
    )


def _controlled(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Nine updates, some of them on target."""
    target = draw.uniform(0.1, 0.3, 9)
    far = torch.tensor([0.1, 0.5, 0.62, 0.75, 1.0, 1.3, 1.45, 1.6, 3.0], dtype=torch.float64)
    return draw.uniform(0.1, 2, 9), target * far, target


check_adapt = Exercise(
    "Is `adapt(beta, kl, target)` PPO's rule for the penalty's weight?",
    truth=_adapted,
    inputs=_controlled,
    examples=[([1.0, 1.0, 1.0, 2.0], [0.001, 0.01, 0.02, 0.05], [0.01, 0.01, 0.01, 0.01])],
    mistakes=[
        Mistake(
            "halved and doubled exchanged",
            lambda beta, kl, target: _adapted(beta, target, kl),
            "turned around: where the KL is too large the penalty must grow, so β is doubled there.",
        ),
        Mistake(
            "no dead zone",
            lambda beta, kl, target: torch.where(kl > target, 2 * beta, beta / 2),
            "between target / 1.5 and 1.5 target β stays as it is.",
        ),
        Mistake(
            "never down",
            lambda beta, kl, target: torch.maximum(beta, _adapted(beta, kl, target)),
            "β is halved where the KL is below target / 1.5, or it could only grow.",
        ),
        Mistake(
            "never up",
            lambda beta, kl, target: torch.minimum(beta, _adapted(beta, kl, target)),
            "β is doubled where the KL is above 1.5 target.",
        ),
        Mistake(
            "symmetric in the difference",
            lambda beta, kl, target: torch.where(
                kl > 1.5 * target, 2 * beta, torch.where(kl < 0.5 * target, beta / 2, beta)
            ),
            "the lower bound is target / 1.5, which is 0.67 target, not half of it.",
        ),
        Mistake(
            "bounds of 2",
            lambda beta, kl, target: torch.where(
                kl > 2 * target, 2 * beta, torch.where(kl < target / 2, beta / 2, beta)
            ),
            "2 is the factor of β; the bounds of the KL are target / 1.5 and 1.5 target.",
        ),
        Mistake(
            "libraries' rule",
            lambda beta, kl, target: beta * (1 + (kl / target - 1).clamp(-0.2, 0.2)),
            "this is the proportional rule, for updates of H completions; PPO's own halves, keeps or doubles.",
        ),
        Mistake(
            "by 1.5",
            lambda beta, kl, target: torch.where(
                kl > 1.5 * target, 1.5 * beta, torch.where(kl < target / 1.5, beta / 1.5, beta)
            ),
            "1.5 bounds the KL; β itself is doubled or halved.",
        ),
        Mistake(
            "proportional",
            lambda beta, kl, target: beta * kl / target,
            "this scales β by KL / target; PPO's rule knows three answers only: half, the same, double.",
        ),
    ],
    praise="it needs no model of how KL depends on β, and pays for that by swinging: one step is a factor of two.",
)


def _gae(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    mask = torch.ones_like(rewards, dtype=torch.bool)[None]
    return estimators.gae(rewards[None], values[None], mask, gamma=gamma, lam=lam)[0][0]


def _returns(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    return _gae(rewards, values, gamma, lam) + values


def _td(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    return _gae(rewards, values, gamma, 0.0)


def _forwards(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    return _gae(rewards.flip(0), values.flip(0), gamma, lam).flip(0)


def _without_gamma(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """TD errors with γ, summed with weights λ^k."""
    return _gae(_td(rewards, values, gamma, lam), torch.zeros_like(values), 1.0, lam)


def _after(values: Tensor) -> Tensor:
    """The value after each token: 0 after the last."""
    return torch.cat([values[1:], values.new_zeros(1)])


def _last_value(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """The last token's value stands for what comes after the end."""
    after = torch.zeros_like(rewards)
    after[-1] = gamma * values[-1]
    return _gae(rewards + after, values, gamma, lam)


check_gae = Exercise(
    "Is `gae(rewards, values, gamma, lam)` the advantage of every token of one completion?",
    truth=_gae,
    inputs=lambda draw: (draw.normal(6), draw.normal(6), draw.number(0.5, 0.99), draw.number(0.2, 0.9)),
    examples=[([0.0, 0.0, 1.0], [0.3, 0.6, 0.9], 1.0, 1.0), ([0.0, 0.0, 1.0], [0.3, 0.6, 0.9], 1.0, 0.5)],
    mistakes=[
        Mistake("returns", _returns, "these are the returns, the critic's targets; the advantage is that minus V."),
        Mistake("TD errors", _td, "these are the TD errors δ, which is the case λ = 0; sum them with weights (γλ)^k."),
        Mistake("forwards", _forwards, "the sum runs over the tokens that follow: go through them from the last."),
        Mistake(
            "value after the end",
            _last_value,
            "after the last token nothing is earned any more: the value there is 0, not the last token's.",
        ),
        Mistake("only lambda", _without_gamma, "later errors count (γλ)^k, not λ^k."),
        Mistake(
            "no gamma before the value",
            lambda rewards, values, gamma, lam: _gae(rewards + (1 - gamma) * _after(values), values, gamma, lam),
            "the value of the next state is discounted too: δ_t = R_t + γ V_t+1 - V_t.",
        ),
        Mistake(
            "this value for the next",
            lambda rewards, values, gamma, lam: _gae(rewards + gamma * (values - _after(values)), values, gamma, lam),
            "a TD error compares two states: γ times the *next* value, less this one.",
        ),
        Mistake(
            "signs of the values",
            lambda rewards, values, gamma, lam: _gae(rewards, -values, gamma, lam),
            "the signs of the values: the next one is gained, this one was expected. δ_t = R_t + γ V_t+1 - V_t.",
        ),
        Mistake(
            "shares",
            lambda rewards, values, gamma, lam: (1 - lam) * _gae(rewards, values, gamma, lam),
            "1 - λ weighs the A^(k) of the mixture; in the sum over δ it has cancelled.",
        ),
        Mistake(
            "rewards to the end",
            lambda rewards, values, gamma, lam: _gae(rewards, values, gamma, 1.0),
            "this is the case λ = 1: all rewards to come less this value. Later errors count (γλ)^k.",
        ),
        Mistake(
            "no critic",
            lambda rewards, values, gamma, lam: _gae(rewards, torch.zeros_like(values), gamma, lam),
            "the critic's values do not enter: δ_t = R_t + γ V_t+1 - V_t.",
        ),
    ],
    praise="one pass from the last token to the first, and every token has its own advantage.",
)


check_units = Numbers(
    "The largest KL of a policy all of whose ratios lie in the window of 0.1; the window that holds TRPO's 0.01 nats.",
    kl=Number(
        -math.log(1 - 0.1**2) / 2,
        {
            -math.log(
                1 - 0.1
            ): "that takes every ratio to be 0.9; ratios average to 1, so half of the mass must go up.",
            math.log(1 - 0.1**2) / 2: "the sign: a KL is never negative.",
            0.1**2 / 2: "that is the second-order value, ε²/2; the exact one is half of -log(1 - ε²).",
            -math.log(1 - 0.1**2): "that is twice as much: half of the mass sits at each end of the window.",
            -math.log(1 - 0.1) / 2: "the other half of the mass sits at 1.1, and lowers the mean of -log r.",
            0.1**2: "that is ε²; the second-order value is half of it, and the exact one a little more.",
            -math.log(1 - 0.2**2) / 2: "that is for ε = 0.2.",
        },
    ),
    eps=Number(
        math.sqrt(1 - math.exp(-2 * 0.01)),
        {
            math.sqrt(2 * 0.01): "that is the second-order answer, √(2δ); solve -log(1 - ε²)/2 = δ exactly.",
            0.01: "that is δ itself, in nats; ε is a ratio. Solve -log(1 - ε²)/2 = δ for ε.",
            math.sqrt(1 - math.exp(-0.01)): "that is about the root of δ; the KL is *half* of -log(1 - ε²), so the "
            "exponent is 2 δ.",
            1 - math.exp(-2 * 0.01): "that is ε²; take its root.",
        },
    ),
    rtol=2.5e-3,  # three digits are enough, 0.141; the second-order answer, 0.1414, is not
    praise="so a window of 0.14 says what 0.01 nats says, if it is kept; the clip does not promise that it is.",
)

check_lambda = Numbers(
    "A right completion of nine tokens, a critic that says 0 everywhere, γ = 1: tokens with an advantage at λ = 0, and "
    "the first token's advantage at λ = 0.95.",
    tokens=Number(
        1.0,
        {
            9.0: "with λ = 0 a token's advantage is its own TD error, and the reward comes at the last token only.",
            8.0: "the other way round: these eight earn 0, and the critic says 0 before and after them.",
            0.0: "the last token's TD error is the reward.",
        },
    ),
    first=Number(
        0.95**8,
        {
            0.95**9: "the first token is eight steps from the last, not nine.",
            0.95**7: "the reward is eight steps from the first of nine tokens.",
            0.05 * 0.95**8: "1 - λ weighs the A^(k) of the mixture; in the sum over δ it has cancelled.",
            0.95: "that is one step's factor; the reward is eight steps away.",
            1.0: "that is λ = 1; at 0.95 each step between takes its factor.",
            0.0: "that is λ = 0.",
        },
    ),
    praise="a critic that knows nothing leaves all credit to the rewards, and λ decides how far back they reach: at 0 "
    "the opener, which decides whether the answer is right, learns nothing.",
)
