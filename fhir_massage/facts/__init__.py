"""Dated billing facts: tables and payer policies, each row with its source."""
