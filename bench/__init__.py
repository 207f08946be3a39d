"""Measurements of a review, as ratios to what cannot be avoided."""
