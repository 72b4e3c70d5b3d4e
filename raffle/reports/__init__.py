"""The regulator's reports: each as a page and as CSV, each as of one line of the ledger.

What a report says is in tickets.py, lines.py, draws.py and reconciling.py; figures.py counts,
writing.py writes CSV, views.py lets staff in.
"""
