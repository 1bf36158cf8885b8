"""The adapters run in environments of their own: nothing here is a test."""

collect_ignore_glob = ["*.py", "adapters/*.py"]
