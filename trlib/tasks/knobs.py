"""What the embedded tasks share: knobs that are checked, and random numbers by seed."""

from __future__ import annotations

from random import Random


def whole(name: str, value: object, least: int, most: int | None) -> int:
    """`value` after checking that it is a whole number inside the bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected a whole number, got {type(value).__name__}")
    if value < least or (most is not None and value > most):
        wanted = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name}: expected a whole number {wanted}, got {value}")
    return value


def span(name: str, value: object, least: int, most: int | None) -> tuple[int, int]:
    """(low, high) from such a pair, or from one number that is both."""
    if not isinstance(value, tuple | list):
        one = whole(name, value, least, most)
        return one, one
    if len(value) != 2:
        raise ValueError(f"{name}: expected a number or a pair (low, high), got {value}")
    low, high = (whole(name, part, least, most) for part in value)
    if low > high:
        raise ValueError(f"{name}: expected low <= high, got {value}")
    return low, high


def share(name: str, value: object) -> float:
    """`value` as a float after checking that it is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a share from 0 to 1, got {value}")
    return float(value)


def stream(task: str, purpose: str, seed: int) -> Random:
    """Random numbers of a seed, for one purpose; only `Random.random` is drawn from, the same in every Python."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed: expected a whole number, got {type(seed).__name__}")
    return Random(f"{task} {purpose} {seed}")


def draw(random: Random, n: int) -> int:
    """0 to n - 1, each alike."""
    return int(random.random() * n)
