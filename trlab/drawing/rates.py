"""How learning rates are written."""


def written_rate(rate: float) -> str:
    """A learning rate as a page writes it: `3e-5`, `1.5e-3`, `0.03`."""
    if rate >= 0.01:
        return f"{rate:.2g}"
    mantissa, exponent = f"{rate:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
