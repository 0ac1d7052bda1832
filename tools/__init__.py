"""What installs, measures and guards the code. What builds the book stands in `book/build`."""
