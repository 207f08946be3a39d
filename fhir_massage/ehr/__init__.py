"""The EHR's FHIR server as a client: where it may go, how long it may take, and how much is read."""
