"""TR-DPO (arXiv 2404.09656) on pairs that the verifier ranks: preference optimisation whose
reference moves."""

from dataclasses import dataclass

from torch.nn.functional import logsigmoid

from trlib.algorithms import Method, Needs, TokenLoss


@dataclass(frozen=True, kw_only=True)
class TRDPO(Method):
    """Every better completion against every worse one of its prompt; share=1: copies, share=0: a
    fixed reference."""

    beta: float = 0.1
    share: float = 0.6
    """How far a move takes the reference to the policy."""
    every: int = 2
    """Batches between two moves."""

    def needs(self, anchor):
        return Needs(reference=True)

    def objective(self, scores, batch):
        log_ratio = (scores.logp - batch.logp_ref).masked_fill(~batch.mask, 0.0).sum(-1)
        alike = batch.group.unsqueeze(1) == batch.group
        better, worse = (alike & (batch.rewards.unsqueeze(1) > batch.rewards)).nonzero().unbind(1)
        return TokenLoss(-logsigmoid(self.beta * (log_ratio[better] - log_ratio[worse])))

    def update(self, step):
        super().update(step)
        if (step.batch.number + 1) % self.every == 0:
            step.move_reference(self.share)
