"""The instruments: `trcheck.diagnose` looks for faults in your own rollouts, `trcheck.conformance`
compares your loss, and your library's settings, with ours.

Both import `trlib` and nothing else of this house. Their commands are `trlib diagnose` and `trlib
conformance`."""

from trlib.name_clash import check

check()
