"""The hand-off to scvi-tools: a collection as the data of its models, read while they train.

It may import loaders and everything below; nothing here is imported before it is asked for. The models
themselves are scvi-tools', which ``pip install "mappedviz[scvi]"`` brings. A new field of their registry goes to
`registry`, with its column to `columns`; another way to make a model, to `models`.
"""

from __future__ import annotations

from mappedviz.text.extras import optional_packages

with optional_packages():
    from mappedviz.scvi.module import DataModule

__all__ = ["DataModule"]
