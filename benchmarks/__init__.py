"""Speed, side by side with peers. `benchmarks/README.md` has the results and how to run them."""
