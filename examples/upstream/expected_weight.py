"""How much of the gradient a bounded sequence weight leaves, for NeMo-RL (pull request 2269).

A completion's weight is W = pi_old/mu, a product over its T tokens. E[W] = 1 under the sampler, but
a bound takes the large weights away and leaves the small ones. With noise that is normal and
independent from token to token,

    s^2 = T sigma^2,    log W ~ N(-s^2/2, s^2)
    "mask"      E[W 1(W <= C)] = Phi((log C - s^2/2)/s)
    "truncate"  E[min(W, C)]   = Phi((log C - s^2/2)/s) + C Phi(-(log C + s^2/2)/s)

so that the mean weight falls with the length, and long completions learn less than short ones.

It explains the order, not the number. Real noise is neither normal nor of one size, and lengths
differ: hand over the lengths of a batch, because the short ones carry what is left. Two sizes of
noise that were measured in one run, .0297 and .0735 nats, give .22 and .0007 at 9,000 tokens,
where .06 was measured.

    python expected_weight.py       # against a simulation, in a second

Source: the repository of trust-region-book
"""

import math
from collections.abc import Sequence

import torch


def expected_weight(
    sigma: float, lengths: int | Sequence[int], how: str = "truncate", bound: float = 2.0
) -> float:
    """The mean weight that is left; without a bound it is 1.

    Args:
        sigma: standard deviation of a token's log pi_old/mu, nats.
        lengths: tokens of one completion, or of each of several: then the mean over them.
        how: "truncate" at the bound, or "mask" what is above it.
        bound: C, above 0.
    """
    if how not in ("truncate", "mask"):
        raise ValueError(f"how: expected 'truncate' or 'mask', got {how!r}")
    if not sigma >= 0 or not bound > 0:
        raise ValueError(f"expected sigma >= 0 and bound > 0, got {sigma} and {bound}")
    s = sigma * torch.as_tensor(lengths, dtype=torch.float64).reshape(-1).sqrt()
    if not len(s) or not bool((s >= 0).all()):
        raise ValueError("lengths: expected one or more numbers of tokens")
    s, high, normal = s.clamp(min=1e-9), math.log(bound), torch.special.ndtr
    kept = normal((high - s**2 / 2) / s)
    if how == "truncate":
        kept = kept + bound * normal(-(high + s**2 / 2) / s)
    return kept.mean().item()


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    print("lengths                  formula  simulated")
    for lengths in ([2000] * 4, [9000] * 4, [500, 1000, 4500, 30000]):
        s = 0.03 * torch.tensor(lengths, dtype=torch.float64).sqrt()
        noise = torch.randn(100_000, len(lengths), generator=generator, dtype=torch.float64)
        simulated = (noise * s - s**2 / 2).exp().clamp(max=2.0).mean().item()
        found = expected_weight(0.03, lengths)
        print(f"{lengths!s:24} {found:7.3f} {simulated:10.3f}")
        assert abs(found - simulated) < 0.01
    assert expected_weight(0.0, 9000) == 1
