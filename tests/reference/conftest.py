"""The comparison needs an environment of its own, see `compare`: nothing here is a test."""

collect_ignore_glob = ["*.py"]
