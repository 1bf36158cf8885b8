"""Whether one may train on these stores: scans, tables, checks, and the verdict.

It may import collection and everything below it; loaders are its sibling and unknown to it. A new
check is a function in `checks`, a new table a module in `tables`.
"""
