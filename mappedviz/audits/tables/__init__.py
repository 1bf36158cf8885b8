"""The tables of an audit, pure: stores, genes, labels and weights."""
