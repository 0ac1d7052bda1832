"""A language model: where it comes from, how its tokens are scored, and how it writes.

From the whole to the parts: `policy` (score, copy, save), `rollout` (sample) and `completions`
(what was sampled); `loading`, `adapters`, `folders`, `gguf` and `decoder` (where models come from);
`forward`, `packing` and `attention` (how little of a forward pass is needed)."""
