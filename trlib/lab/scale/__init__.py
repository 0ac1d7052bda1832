"""What changes when the model is large: bytes, settings of other libraries, and more than one process."""
