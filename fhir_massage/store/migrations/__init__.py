"""The history of the store's schema, one file a step."""
