"""Pictures that are committed, each drawn by a command."""
