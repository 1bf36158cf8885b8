"""Comparison with the reference, lamindb's MappedCollection: see `compare`."""
