"""Tables of cells: some rows of each store are read again, the same ones for every table.

It may import what audits may; unlike `tables` it opens files, through the engine, and a store that
cannot be read is listed. A new table of cells is a module of its own and a method of `reader`.
"""
