"""What a page computes beside what torch computes, both in double precision."""

import torch


def double(values):
    return torch.as_tensor(values, dtype=torch.float64).detach()


def close(found, wanted, *, rtol=1e-9, atol=1e-12, of=""):
    """Both are equal to the last digits; `of` says of what, where they are not."""
    torch.testing.assert_close(
        double(found), double(wanted), rtol=rtol, atol=atol, msg=lambda text: f"{of}: {text}"
    )
