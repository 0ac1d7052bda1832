"""A package, so that no installed library's `tests` is found in its place."""
