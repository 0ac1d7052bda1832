"""Log the sampler's ratios before they are bounded, for TRL's `GRPOTrainer`: torch only.

The correction for a sampler that is not the learner multiplies a token's loss by pi_old/mu, at most
`cap`. A log of the bounded ratio cannot exceed the bound, however large the mismatch is: the curve
stays flat while training dies. What should be logged is the ratio before the bound, and how many
tokens the bound touched.

    python trl_raw_ratios.py        # the two logs side by side, in a second

In the trainer: call `raw_ratios` where `importance_sampling_ratio` is made, before clamp and mask,
and append each value to `self._metrics[mode]`.
Source: the repository of trust-region-book
"""

import torch
from torch import Tensor


def raw_ratios(
    old_per_token_logps: Tensor,
    sampling_per_token_logps: Tensor,
    mask: Tensor,
    cap: float = 3.0,
    level: str = "token",
) -> dict[str, float]:
    """What to log of pi_old/mu before it is bounded.

    Args:
        old_per_token_logps: [B, T] log pi_old, as the learner scores the tokens.
        sampling_per_token_logps: [B, T] log mu, as the engine reports them; NaN: not reported.
        mask: [B, T] bool or 0/1, the tokens that the loss counts.
        cap: the largest ratio that the correction keeps.
        level: "token", or "sequence": the product over each row.
    Returns:
        under `sampling/raw_ratio/`: mean (1 in expectation, if tokens were drawn from mu and scored
        right), min, max, log_std (nats) and above_cap, a share. Nothing counted: an empty dict.
    """
    counted = mask.bool() & ~sampling_per_token_logps.isnan()
    log_ratio = (old_per_token_logps - sampling_per_token_logps).detach().double()
    if level == "sequence":
        values = log_ratio.where(counted, 0).sum(-1)[counted.any(-1)]
    elif level == "token":
        values = log_ratio[counted]
    else:
        raise ValueError(f"level: expected 'token' or 'sequence', got {level!r}")
    if not len(values):
        return {}
    ratio = values.exp()
    found = {
        "mean": ratio.mean(),
        "min": ratio.min(),
        "max": ratio.max(),
        "log_std": values.std(correction=0),
        "above_cap": (ratio > cap).double().mean(),
    }
    return {f"sampling/raw_ratio/{name}": value.item() for name, value in found.items()}


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    mu = -3 * torch.rand(64, 128, generator=generator)
    mask = torch.arange(128) < torch.randint(16, 128, (64, 1), generator=generator)
    print("noise  logged after the bound      logged before it")
    for noise in (0.02, 0.5, 2.0):
        old = mu + noise * torch.randn(mu.shape, generator=generator) - noise**2 / 2
        bounded = (old - mu).exp().clamp(max=3.0)[mask]
        raw = {k.rpartition("/")[2]: v for k, v in raw_ratios(old, mu, mask).items()}
        print(
            f"{noise:5}  mean {bounded.mean():.2f}, largest {bounded.max():.2f}"
            f"    mean {raw['mean']:.2f}, largest {raw['max']:.1f}, {raw['above_cap']:.1%} above"
        )
        assert bounded.max() <= 3 and abs(raw["log_std"] / noise - 1) < 0.05
        assert (raw["max"] > 3) == (raw["above_cap"] > 0) == (noise > 0.1)
