"""How often `diagnose` is right: dumps with a known fault, and held-out ones."""
