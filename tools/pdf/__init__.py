"""The book on paper: `make pdf`, or `python -m tools.pdf`."""
