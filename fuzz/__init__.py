"""Hostile input: every example as a message, changed in ways that hurt, sent to every door, and its answer judged."""
