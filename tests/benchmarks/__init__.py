"""The benchmark: mappedviz, its peers and the machine's limits, measured side by side."""
