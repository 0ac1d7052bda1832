"""The instruments: `trcheck.diagnose` looks for faults in your own rollouts, `trcheck.watch` does so
while you train, `trcheck.conformance` compares your loss, and your library's settings, with ours.

They import `trlib` and nothing else of this house. The commands are `trlib diagnose` and `trlib
conformance`."""

from trlib.name_clash import check

check()
