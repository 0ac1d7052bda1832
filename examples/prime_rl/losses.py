"""A loss of trlib in prime-rl: `import_path = "losses.trlib"`, with this folder in PYTHONPATH."""

from prime_rl.trainer.rl.loss import LossInputs, LossOutputs

from trlib.checks import value_checks
from trlib.methods import token_loss


def trlib(inputs: LossInputs, method: str = "dppo", **settings) -> LossOutputs:
    """The sum over one sequence's tokens; the trainer divides by the number in the whole batch."""
    mask, row = inputs.loss_mask, lambda x: x.unsqueeze(0)
    with value_checks(False):  # each check would wait for the GPU, sequence by sequence
        found = token_loss(method, **settings)(
            row(inputs.trainer_logprobs),
            row(inputs.inference_logprobs),
            advantages=row(inputs.advantages),
            mask=row(mask),
        )
    each = found.per_token[0]
    each = each if inputs.loss_weights is None else each * inputs.loss_weights
    kept = found.diagnostics["kept"][0].sum() / mask.sum().clamp(min=1)
    return LossOutputs(each.masked_fill(~mask, 0).sum(), {"kept": kept})
