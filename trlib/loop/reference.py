"""What a method's `reference` adds to a batch: to its rewards or advantages, or to its loss."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from trlib import divergences
from trlib.algorithms.grpo import add_reference_kl
from trlib.algorithms.kl_penalty import follow
from trlib.algorithms.method import Batch, Scores, TokenLoss
from trlib.algorithms.reference import BETA_REF, Reference


def prepare(reference: Reference, batch: Batch, own: Callable[[Batch], Batch]) -> Batch:
    """The batch after a method's `prepare`, which is `own`, with the penalty where it belongs
    to the reward. First β is adapted.
    Raises ValueError: a place of "token-reward" and a method without advantages."""
    logp, ref = (x.masked_fill(~batch.mask, 0.0) for x in (batch.logp_rollout, batch.logp_ref))
    if reference.controller != "fixed":
        beta, far = weight(reference, batch), float((logp - ref).sum(-1).mean())
        batch.memory[BETA_REF] = follow(reference, beta, far, len(batch.mask))
    if reference.place == "loss":
        return own(batch)
    estimate = getattr(divergences, reference.estimator)
    costs = weight(reference, batch) * estimate(logp, ref)
    if reference.place == "reward":
        return own(replace(batch, rewards=batch.rewards - costs.sum(-1)))
    prepared = own(batch)
    if prepared.advantages is None:
        raise ValueError(
            "reference: expected place='loss' or 'reward' with a method that has no advantages, "
            "got 'token-reward'"
        )
    return replace(prepared, advantages=prepared.advantages - to_go(costs, batch.group))


def to_go(costs: Tensor, group: Tensor) -> Tensor:
    """[B, T] each token's cost and those after it, less the mean of the same in the prompt's other
    completions; costs [B, T] are 0 where masked, group is [B]."""
    left = costs.flip(-1).cumsum(-1).flip(-1)
    others = (group.unsqueeze(1) == group).to(left).fill_diagonal_(0.0)
    return left - others @ left / others.sum(1, keepdim=True).clamp(min=1)


def penalised(reference: Reference, loss: TokenLoss, scores: Scores, batch: Batch) -> TokenLoss:
    """A method's loss with the penalty, where it belongs to the loss.
    Raises ValueError: a loss of completions, pairs or prompts."""
    if reference.place != "loss" or not (beta := weight(reference, batch)):
        return loss
    if loss.per_token.shape != batch.mask.shape:
        raise ValueError(
            "reference: expected place='reward' with a method whose loss is not one per token, got "
            "'loss'"
        )
    return add_reference_kl(
        loss,
        scores.logp,
        batch.logp_ref,
        mask=batch.mask,
        beta=beta,
        estimator=reference.estimator,
    )


def weight(reference: Reference, batch: Batch) -> float:
    """β of this batch."""
    return float(batch.memory.get(BETA_REF, reference.beta))
