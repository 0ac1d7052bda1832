"""What only the book needs: explorables, exercises, the size a notebook runs in.

In a notebook a cell that runs before the cell it needs says so in one line: `trbook.order`.
"""

from trbook import order

order.connect()
