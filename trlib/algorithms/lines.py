"""A method's gradient weight as one line, in the language of the book's page *Write your own*.

The line knows of a token its advantage A (after a correction), its probabilities p now and q under the
method's anchor, r = p/q, l = log r, the completion's s = exp(mean l), the token's place t and the
completion's length n. A method whose weight needs more than that has no line."""


def number(value: float) -> str:
    """A number as a line writes it."""
    return f"{value:.10g}"


def clipped(low: float, high: float, most: float | None = None, *, ratio: str = "r") -> str:
    """PPO's clip: A r, but 0 where r is above 1 + high and A > 0, below 1 - low and A < 0, or above
    `most` and A < 0."""
    if low == high and most is None:
        return f"A*{ratio}*(sign(A)*({ratio} - 1) <= {number(low)})"
    below = f"{ratio} >= {number(1 - low)}" + (f" and {ratio} <= {number(most)}" if most else "")
    return f"A*{ratio}*((A > 0 and {ratio} <= {number(1 + high)}) or (A < 0 and {below}))"


def between(low: float, high: float) -> str:
    """A threshold that depends on the advantage's sign: `low` where A <= 0."""
    return number(low) if low == high else f"where(A > 0, {number(high)}, {number(low)})"


def weighted(weight: str, *, cap: float, floor: float, delta_tv: float) -> str:
    """A times one of the weights of `weighted_loss`."""
    return {
        "none": "A",
        "ratio": "A*r",
        "truncated": f"A*min(r, {number(cap)})",
        "window": f"A*r*(r >= {number(floor)} and r <= {number(cap)})",
        "mask": f"A*r*(abs(p - q) <= {number(delta_tv)})",
    }[weight]


BINARY_KL = "(q*log(q/p) + (1 - q)*log((1 - q)/(1 - p)))"
"""KL(q || p) of the sampled token against all others."""
