"""How a run is kept: its folder and checkpoints, what it returns, and how it is stopped."""
