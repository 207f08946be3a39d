"""Made-up claims and orders: correct ones, ones broken in one known way, and whole data sets with their answers.

Nothing in here knows a rule of its own: who is paid for what, and what a payer asks for, comes from the facts.
"""
