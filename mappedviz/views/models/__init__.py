"""The contents of the tabs: pure functions of an audit and the state of a view that return nodes.

They open no file, hold nothing, know no widget, and are tested without a browser. Each module is
named as the view that calls it.
"""
