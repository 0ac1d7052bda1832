"""Speed, side by side with peers, and how often verdicts are right. `benchmarks/README.md` has the
results and how to run them."""
