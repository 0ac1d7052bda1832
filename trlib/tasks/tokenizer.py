"""Moved. For one release, this module says where to."""

raise ImportError(
    "trlib.tasks.tokenizer has moved: from trlab.pretraining.tokenizer import word_tokenizer"
)
