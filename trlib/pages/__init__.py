"""What only the book needs: explorables, exercises, the size a notebook runs in."""
