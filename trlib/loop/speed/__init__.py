"""What the loop leaves out because it would change nothing."""
