"""Exporters: each file writes a folder that runs without torch, and opens it again as an engine."""
