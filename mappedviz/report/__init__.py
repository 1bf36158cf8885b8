"""Tables and findings as static HTML: in a notebook, and as one page with figures.

It may import audits, plots and everything below them. A new section is a function in `sections`
and a block in `templates`.
"""
