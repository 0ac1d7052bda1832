"""The playground's engine in Chromium against trlib in torch: does it learn alike, and how fast is
it."""
