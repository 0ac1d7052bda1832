"""What builds, serves and checks the book. Nothing here is part of the package `trlib`."""
