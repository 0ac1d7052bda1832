"""The instruments' commands of `trlib`."""
