"""What is recorded or packed once and then committed: each command writes the files that it
names."""
