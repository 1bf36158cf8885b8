"""Rows of many stored matrices, gathered into one dense or CSR batch by compiled code.

It may import formats, the values of a recipe and the compiled library. A new way of reading rows
goes to `rows`, what the compiled code is given to `request`.
"""
