"""Moved; this says where to, for one release."""

raise ImportError("trlib.tasks.tokenizer has moved: from trlab.pretraining.tokenizer import word_tokenizer")
