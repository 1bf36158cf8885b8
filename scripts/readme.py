"""Run the Python of a page, from top to bottom, as somebody does who copies it: ``python readme.py PAGE``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any


def run(page: Path) -> dict[str, Any]:
    """Run all blocks in one namespace, which is returned; errors name the line of the page."""
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        line = text[: block.start(1)].count("\n")
        exec(compile("\n" * line + block[1], page, "exec"), names)
    return names


if __name__ == "__main__":
    print(f"{Path(sys.argv[1]).name}: {len(run(Path(sys.argv[1])))} names")
