"""Figures of recorded sweeps, each a `trlib.drawing.Drawing`.

`named` says what each figure shows, `recorded` draws one from a record, `scores` and `costs` are
the kinds of picture: scores of runs, and what a method pays for them.
"""
