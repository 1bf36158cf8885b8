"""The tables of an audit: stores, genes, labels, weights and crosstabs, as values.

They are made of scans and may import what audits may; no file is opened here. A new table is a
module of its own, which `result` offers and a section of the report shows.
"""
