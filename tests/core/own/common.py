"""What `smart.py` imports from beside itself."""

from trlib.divergences import kl


def symmetric_kl(log_a, log_b):
    """Mean over the tokens of KL both ways, nats."""
    return (kl(log_a, log_b) + kl(log_b, log_a)).mean()
