"""Say no to notebooks that hold outputs, execution counts or widget state.

``python scripts/check_notebooks.py [--fix] NOTEBOOK...``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def clean(notebook: dict[str, Any]) -> bool:
    """Empty the outputs of a notebook; whether there was something to empty."""
    dirty = notebook["metadata"].pop("widgets", None) is not None
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"] is not None):
            cell["outputs"], cell["execution_count"] = [], None
            dirty = True
    return dirty


def main(arguments: list[str]) -> int:
    """Check, or mend with ``--fix``, the notebooks that are named."""
    fix = "--fix" in arguments
    status = 0
    for path in [Path(name) for name in arguments if name != "--fix"]:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if clean(notebook):
            status = 1
            print(f"{path}: has outputs{', now removed' if fix else ' (--fix removes them)'}")
            if fix:
                text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
                path.write_text(text, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
