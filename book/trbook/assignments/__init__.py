"""Five assignments for a class, each an evening: `skeleton.py` is handed out, `solutions.py` and
`hidden.py` stay with the teacher.

    python -m trbook.assignments.hidden ada.py ben.py          # points, test by test
    python -m trbook.assignments.hidden *.py --seed 7 --csv points.csv

The book is public and so are these files. Another seed draws other numbers, so an answer with
numbers written in fails.
"""
