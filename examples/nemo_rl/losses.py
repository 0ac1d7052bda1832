"""A loss of trlib with NeMo-RL's `LossFunction` protocol."""

from nemo_rl.algorithms.loss.interfaces import LossFunction, LossInputType, LossType
from nemo_rl.algorithms.utils import masked_mean

from trlib.checks import value_checks
from trlib.methods import token_loss


class TrlibLoss(LossFunction):
    """In place of ClippedPGLossFn, without its KL term. Made of names, so that it travels to the
    workers."""

    loss_type = LossType.TOKEN_LEVEL
    input_type = LossInputType.LOGPROB
    use_fused_linear_logprobs = False

    def __init__(self, method="dppo", **settings):
        self.method, self.settings = method, settings
        token_loss(method, **settings)  # so that a wrong name ends the driver

    def __call__(self, next_token_logprobs, data, global_valid_seqs, global_valid_toks):
        loss = token_loss(self.method, **self.settings)
        mask = data["token_mask"][:, 1:] * data["sample_mask"].unsqueeze(-1)
        learner, sampler = (data[f"{x}_logprobs"][:, 1:] for x in ("prev", "generation"))
        with value_checks(False):
            found = loss(
                next_token_logprobs,
                sampler if loss.anchor == "rollout" else learner,
                advantages=data["advantages"][:, 1:],
                mask=mask > 0,
            )
        numbers = {
            "loss": found.per_token,
            "kept": found.diagnostics["kept"].float(),
            # NeMo-RL's trainer reads this one.
            "token_mult_prob_error": ((sampler - learner).abs() * mask).exp(),
        }
        # Divided by the tokens of the whole batch: NeMo-RL adds micro-batches and ranks up.
        means = {
            name: masked_mean(x, mask, global_normalization_factor=global_valid_toks)
            for name, x in numbers.items()
        }
        metrics = {name: x.item() for name, x in means.items()}
        return means["loss"], metrics | {"num_valid_samples": data["sample_mask"].sum().item()}
