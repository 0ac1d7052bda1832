"""What a method's `reference` adds to a batch: to its rewards or advantages, or to its loss."""

from dataclasses import replace

from torch import Tensor

from trlib import divergences
from trlib.algorithms.grpo import add_reference_kl
from trlib.algorithms.kl_penalty import follow
from trlib.algorithms.method import Batch, Method, Scores, TokenLoss
from trlib.algorithms.reference import Reference

BETA_REF = "beta_ref"  #: The weight in the memory of a run, where it is adapted.


def prepare(method: Method, near: Reference, batch: Batch) -> Batch:
    """What `method.prepare` makes of a batch, with the penalty where it belongs to the
    reward. First β is adapted.

    The learner's own log-probs are charged for: the sampler's distance from the reference is not
    the learner's to pay. What a token is charged is corrected for the sampler like an advantage.
    Raises ValueError: a place of "token-reward" and a method without advantages."""
    if near.place == "loss" and near.controller == "fixed":
        return method.prepare(batch)
    logp, ref = (x.masked_fill(~batch.mask, 0.0) for x in (batch.logp_old, batch.logp_ref))
    beta = weight(near, batch)
    if near.controller != "fixed":
        far = float((logp - ref).sum(-1).mean())
        beta = batch.memory[BETA_REF] = follow(near, beta, far, len(batch.mask))
    costs = beta * getattr(divergences, near.estimator)(logp, ref)
    if near.place == "reward":
        batch = replace(batch, rewards=batch.rewards - costs.sum(-1))
    prepared = method.prepare(batch)
    if near.place != "token-reward":
        return prepared
    if prepared.advantages is None:
        raise ValueError(
            "reference: expected place='loss' or 'reward' with a method that has no advantages, "
            "got 'token-reward'"
        )
    charged = method.corrected(to_go(costs, batch.group), batch)
    return replace(prepared, advantages=prepared.advantages - charged)


def to_go(costs: Tensor, group: Tensor) -> Tensor:
    """[B, T] each token's cost and those after it, less the mean of the same in the prompt's other
    completions; costs [B, T] are 0 where masked, group is [B]."""
    left = costs.flip(-1).cumsum(-1).flip(-1)
    others = (group.unsqueeze(1) == group).to(left).fill_diagonal_(0.0)
    return left - others @ left / others.sum(1, keepdim=True).clamp(min=1)


def penalised(near: Reference, loss: TokenLoss, scores: Scores, batch: Batch) -> TokenLoss:
    """A method's loss with the penalty, where it belongs to the loss.
    Raises ValueError: a loss of completions, pairs or prompts."""
    if near.place != "loss" or not (beta := weight(near, batch)):
        return loss
    if loss.per_token.shape != batch.mask.shape:
        raise ValueError(
            "reference: expected place='reward' with a method whose loss is not one per token, got "
            "'loss'"
        )
    logps = scores.logp, batch.logp_ref
    return add_reference_kl(loss, *logps, mask=batch.mask, beta=beta, estimator=near.estimator)


def weight(near: Reference, batch: Batch) -> float:
    """β of this batch."""
    return float(batch.memory.get(BETA_REF, near.beta))
