"""Exercises that grade themselves: one module per chapter, each check called with the reader's
answer.

A check says "right" or "not yet" with a hint at what is off. It never raises, whatever it is given:
an exercise that is not done yet must not stop a notebook. How one is made:
`trbook.exercises.check`.
"""
