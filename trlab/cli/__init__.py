"""The laboratory's commands of `trlib`."""
