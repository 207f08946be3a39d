"""Reading X12 interchanges: 837 professional and institutional claims as a FHIR Bundle, with where each part stood."""
