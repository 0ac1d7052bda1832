"""Exercises of chapter 4b, the critic: advantages from values, how far lambda reaches, a log with a
fault, and a critic's loss that trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.training import trained
from trlib import advantages as estimators
from trlib.algorithms import PPO, PPOCritic, TokenLoss


def _gae(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    mask = torch.ones_like(rewards, dtype=torch.bool)[None]
    return estimators.gae(rewards[None], values[None], mask, gamma=gamma, lam=lam)[0][0]


def _after(values: Tensor) -> Tensor:
    """The value after each token: 0 after the last."""
    return torch.cat([values[1:], values.new_zeros(1)])


def _wrong_gae(rewards, values, gamma, lam):
    after_the_end = torch.zeros_like(rewards)
    after_the_end[-1] = gamma * values[-1]
    errors = _gae(rewards, values, gamma, 0.0)
    return [
        (
            _gae(rewards, values, gamma, lam) + values,
            "these are the returns, the critic's targets; the advantage is the return minus V.",
        ),
        (
            errors,
            "these are the TD errors δ, which is the case λ = 0; sum them with weights (γλ)^k.",
        ),
        (
            _gae(rewards.flip(0), values.flip(0), gamma, lam).flip(0),
            "the sum runs over the tokens that follow: begin with the last one.",
        ),
        (
            _gae(rewards + after_the_end, values, gamma, lam),
            "after the last token there is no more reward, so the value there is 0, not the last "
            "token's.",
        ),
        (_gae(errors, torch.zeros_like(values), 1.0, lam), "later errors count (γλ)^k, not λ^k."),
        (
            _gae(rewards + (1 - gamma) * _after(values), values, gamma, lam),
            "the value of the next state is discounted too: δ_t = R_t + γ V_t+1 - V_t.",
        ),
        (
            _gae(rewards + gamma * (values - _after(values)), values, gamma, lam),
            "a TD error compares two states: γ times the *next* value, less this one.",
        ),
        (
            _gae(rewards, -values, gamma, lam),
            "the values have the wrong signs: the next one is gained, this one was expected. δ_t "
            "= R_t + γ V_t+1 - V_t.",
        ),
        (
            (1 - lam) * _gae(rewards, values, gamma, lam),
            "1 - λ weighs the A^(k) of the mixture; in the sum over δ it has cancelled.",
        ),
        (
            _gae(rewards, values, gamma, 1.0),
            "this is the case λ = 1: all rewards still to come, minus this value. Later errors "
            "count (γλ)^k.",
        ),
        (
            _gae(rewards, torch.zeros_like(values), gamma, lam),
            "the critic's values do not enter: δ_t = R_t + γ V_t+1 - V_t.",
        ),
    ]


check_gae = Exercise(
    "Is `gae(rewards, values, gamma, lam)` the advantage of every token of one completion?",
    truth=_gae,
    inputs=lambda draw: (
        draw.normal(6),
        draw.normal(6),
        draw.number(0.5, 0.99),
        draw.number(0.2, 0.9),
    ),
    examples=[
        ([0.0, 0.0, 1.0], [0.3, 0.6, 0.9], 1.0, 1.0),
        ([0.0, 0.0, 1.0], [0.3, 0.6, 0.9], 1.0, 0.5),
    ],
    wrong=_wrong_gae,
    praise="one pass from the last token to the first, and every token has its own advantage.",
)


check_lambda = Numbers(
    "A right completion has nine tokens, the critic says 0 everywhere, and γ = 1. How many "
    "tokens have an advantage at λ = 0, and what is the first token's at λ = 0.95?",
    tokens=Number(
        1.0,
        {
            9.0: "with λ = 0 a token's advantage is its own TD error, and the reward comes at the "
            "last token only.",
            8.0: "the other way round: these eight have reward 0, and the critic says 0 before and after "
            "them.",
            0.0: "the last token's TD error is the reward.",
        },
    ),
    first=Number(
        0.95**8,
        {
            0.95**9: "the first token is eight steps from the last, not nine.",
            0.95**7: "the reward is eight steps from the first of nine tokens.",
            0.05
            * 0.95**8: "1 - λ weighs the A^(k) of the mixture; in the sum over δ it has cancelled.",
            0.95: "that is one step's factor; the reward is eight steps away.",
            1.0: "that is λ = 1; at 0.95 each step in between multiplies by 0.95.",
            0.0: "that is λ = 0.",
        },
    ),
    praise="a critic that knows nothing leaves all credit to the rewards, and λ decides how far "
    "back they reach: at 0 the opener, which decides whether the answer is right, learns nothing.",
)


check_log = Numbers(
    "How many more batches does V need at the pace of the last one, with the value clip and "
    "without it? And by what number should the rewards be divided?",
    clipped=Number(
        (76 - 2.02) / 0.41,
        {
            76 / 0.41: "that counts from 0; V has already reached 2.02.",
            (76 - 2.02)
            / 0.2: "0.2 is the width of the clip. Read the pace off the log: momentum carries a "
            "value over the edge.",
            (76 - 2.02)
            / (
                2.02 / 5
            ): "that is the mean pace of five batches, and the first was slower. Take the last.",
        },
    ),
    free=Number(
        (76 - 4.03) / 0.96,
        {
            76 / 0.96: "that counts from 0; this V has already reached 4.03.",
            (76 - 4.03)
            / (
                4.03 / 5
            ): "that is the mean pace of the five batches without a value clip. Take the last.",
            (76 - 4.03) / 0.41: "that is the other column's pace.",
        },
    ),
    divide=Number(
        100.0,
        {
            0.01: "the wrong way round: the rewards are too large for the settings, not too small.",
            76.0: "that makes the mean return 1, and the rewards 0 and 1.3. The settings were "
            "made for 0 and 1.",
            20.0: "that leaves rewards of 0 and 5. The settings were made for 0 and 1.",
            2.0: "that leaves rewards of 0 and 50. The settings were made for 0 and 1.",
        },
    ),
    rtol=5e-3,
    praise="two limits act at once: the value clip, and AdamW, whose steps have the size of the "
    "learning rate whatever the gradient. Both are in the unit of the reward; ε is not. Divide the "
    "rewards, and every setting fits again.",
)


def _squares(
    values: Tensor, values_old: Tensor, returns: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """The squared error of the values, and that of the values held near the old ones."""
    near = values_old + (values - values_old).clamp(-clip, clip)
    return (values - returns) ** 2, (near - returns) ** 2


def _value_loss(values: Tensor, values_old: Tensor, returns: Tensor, clip: float) -> Tensor:
    return torch.maximum(*_squares(values, values_old, returns, clip)) / 2


def _predictions(draw: Draw) -> tuple[Tensor, Tensor, Tensor, float]:
    """Values near the old ones and far from them, on either side of the returns."""
    old, clip = draw.uniform(-1, 1, 8), draw.number(0.1, 0.4)
    away = torch.tensor([-3.0, -1.5, -0.6, -0.3, 0.3, 0.6, 1.5, 3.0], dtype=torch.float64)
    side = torch.tensor([4.0, -4.0, 4.0, -4.0, 4.0, -4.0, 4.0, -4.0], dtype=torch.float64)
    return old + clip * away, old, old + clip * side + draw.uniform(-0.1, 0.1, 8), clip


def _critic_trains(answer: Callable[..., Any]) -> str:
    """Trains a critic with the reader's loss and with the library's, on `dial`."""

    class Yours(PPOCritic):
        def objective(self, scores: Any, batch: Any) -> TokenLoss:
            policy = PPO.objective(self, scores, batch)
            critic = answer(scores.values, batch.values, batch.extra["returns"], self.value_clip)
            return TokenLoss(policy.per_token + self.value_weight * critic, policy.diagnostics)

    return trained(Yours(), PPOCritic())


def _wrong_value_loss(values, values_old, returns, clip):
    plain, near = _squares(values, values_old, returns, clip)
    right = torch.maximum(plain, near) / 2
    return [
        (2 * right, "a factor of 2 is off: the loss is half of the larger square."),
        (
            plain / 2,
            "this is least squares without a clip: a value may move as far as it likes in one "
            "batch.",
        ),
        (
            near / 2,
            "this is the clipped term alone, as stable-baselines3 has it: a value that moved "
            "away from its return gets no gradient. Take the larger of both.",
        ),
        (
            torch.minimum(plain, near) / 2,
            "a loss must fall, so the pessimistic choice is the *larger* square.",
        ),
        (
            (values - returns).clamp(-clip, clip) ** 2 / 2,
            "this clips the error; the clip keeps the value near the *old value*.",
        ),
        (
            torch.maximum(plain, (values.clamp(1 - clip, 1 + clip) - returns) ** 2) / 2,
            "this keeps the value near 1, as a ratio; it belongs near the old value.",
        ),
        (
            torch.maximum(plain, ((values - values_old).clamp(-clip, clip) - returns) ** 2) / 2,
            "the clamped term is only the *change* of the value: add the old value to it.",
        ),
        (
            torch.maximum(plain, near).sqrt() / 2,
            "this is the absolute error; the loss takes squares.",
        ),
        (-right, "the sign is wrong: a loss is lowered, so the square has no minus."),
        (
            right.mean().expand_as(values),
            "this gives every token the mean; the loop takes the mean itself. Return one number "
            "per token.",
        ),
    ]


check_value_loss = Exercise(
    "Is `value_loss(values, values_old, returns, clip)` the clipped loss of a critic, and does it "
    "train?",
    truth=_value_loss,
    inputs=_predictions,
    gradient="values",
    wrong=_wrong_value_loss,
    then=_critic_trains,
    praise="the larger square is the pessimistic one: a value that has moved towards its return by "
    "`clip` has zero gradient, and one that moved away keeps its gradient.",
)
