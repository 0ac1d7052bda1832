"""A loss of trlib for Tinker's `forward_backward_custom(data, loss("dppo", delta_tv=0.15))`."""

from trlib.methods import token_loss


def loss(method, **settings):
    """A function of (data, logprobs), each datum with `logprobs` (the sampler's), `advantages` and
    `mask` among its loss_fn_inputs, as tinker-cookbook's RL recipes make them. The mean over all of
    their tokens."""
    of_tokens = token_loss(method, **settings)

    def custom(data, logprobs):
        total, count, kept = 0.0, 0, 0
        for datum, logp in zip(data, logprobs, strict=True):
            given = {k: v.to_torch().unsqueeze(0) for k, v in datum.loss_fn_inputs.items()}
            mask = given["mask"] > 0
            found = of_tokens(
                logp.unsqueeze(0), given["logprobs"], advantages=given["advantages"], mask=mask
            )
            total = total + found.per_token.masked_fill(~mask, 0).sum()
            count, kept = count + int(mask.sum()), kept + int(found.diagnostics["kept"].sum())
        return total / max(1, count), {"kept": kept / max(1, count)}

    return custom
