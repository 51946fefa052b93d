"""Recomputes what hoga wrote from its raw topics, and names what is not as it must be."""
