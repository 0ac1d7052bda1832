"""A loss of trlib for Tinker's client: `forward_backward_custom(data, loss("dppo", numbers))`."""

from trlib.methods import token_loss


def loss(method, numbers=None, **settings):
    """A function of (data, logprobs): the mean over all tokens that count.

    `numbers`: for each datum, in order, a dictionary of tensors as long as its target_tokens:
    `logprobs` (the sampler's), `advantages`, `mask`. None: they are among its loss_fn_inputs, which
    older clients refuse there."""
    of_tokens = token_loss(method, **settings)

    def custom(data, logprobs):
        given = numbers or [
            {name: value.to_torch() for name, value in datum.loss_fn_inputs.items()}
            for datum in data
        ]
        total, count, kept = 0.0, 0, 0
        for one, logp in zip(given, logprobs, strict=True):
            mask = one["mask"].unsqueeze(0) > 0
            found = of_tokens(
                logp.unsqueeze(0),
                one["logprobs"].unsqueeze(0),
                advantages=one["advantages"].unsqueeze(0),
                mask=mask,
            )
            total = total + found.per_token.sum()
            count, kept = count + int(mask.sum()), kept + int(found.diagnostics["kept"].sum())
        return total / max(1, count), {"kept": kept / max(1, count)}

    return custom
