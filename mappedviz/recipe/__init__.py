"""What the user decided, as values: the recipe, labels and their weights, joins, splits.

It may import errors, types and text; it knows no file and no torch. A new join rule, split or
weighting is a function on these values, in the module of its noun.
"""
