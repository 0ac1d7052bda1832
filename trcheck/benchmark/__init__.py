"""How often `diagnose` is right, and what it compares a mismatch with."""
