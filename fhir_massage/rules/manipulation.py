"""Spinal manipulation: its codes, and how many regions each names by definition."""

from __future__ import annotations

#: The fewest spinal regions that each code names: 98940 one to two, 98941 three to four, 98942 five.
REGIONS_NAMED = {"98940": 1, "98941": 3, "98942": 5}
MANIPULATION = frozenset(REGIONS_NAMED)
#: ICD-10-CM's segmental and somatic dysfunction, which says where a subluxation is.
SUBLUXATION = "M99.0"
