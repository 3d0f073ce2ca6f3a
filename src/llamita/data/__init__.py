"""Data: reading tables of texts, and the data doctor."""
