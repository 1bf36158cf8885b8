"""Tables of audits, collections and batches as plain values, one function per section.

It may import audits, collections and text; nothing here knows HTML. A new section is a function
in the module of its subject and a line in :func:`audit.sections_of`.
"""
