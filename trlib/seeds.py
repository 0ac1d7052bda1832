"""Random numbers by name: every draw has its own generator, derived from the run's seed and a path
of names.

No draw depends on earlier ones, so a run resumed at batch k draws what it would have drawn without
the break."""

import hashlib

import torch


def derive(seed: int, *path: str | int) -> int:
    """A 63-bit seed for the draw named by `path`, the same on every machine."""
    text = "/".join(map(str, (seed, *path)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *path: str | int) -> torch.Generator:
    """A torch generator for the draw named by `path`."""
    return torch.Generator().manual_seed(derive(seed, *path))
