"""The collections that these are tried on."""

from tests.stores.collections import ds, two_plain

__all__ = ["ds", "two_plain"]
