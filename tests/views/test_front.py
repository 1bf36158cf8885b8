"""The modules and styles of the front-end, joined into what an anywidget takes."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from mappedviz.views import front

NAMESPACE = "http://www.w3.org/2000/svg"  # a name, not an address
MODULES = sorted(path.relative_to(front.STATIC).as_posix() for path in front.STATIC.rglob("*.js"))
STYLES = sorted((front.STATIC / "style").glob("*.css"))


def code_of(text: str) -> str:
    """A module without its comments."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))


def write(folder, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.js").write_text(text)


def test_one_module_with_one_export():
    joined = front.module()
    assert front.module() is joined
    assert re.findall(r"^export .*", joined, re.MULTILINE) == ["export default { render };"]
    assert not re.search(r"^import\b", joined, re.MULTILINE)
    # Every file is part of it, each after what it needs.
    assert sorted(re.findall(r"^// == (\S+) ==$", joined, re.MULTILINE)) == MODULES


def test_all_of_it_is_small():
    assert len((front.module() + front.style()).encode()) < 200_000


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_module_is_javascript():
    done = subprocess.run(
        ["node", "--input-type=module", "--check"],
        input=front.module(),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_is_and_writes_text_only(name):
    text = (front.STATIC / name).read_text(encoding="utf-8")
    assert text.startswith("// ")
    code = code_of(text).replace(NAMESPACE, "")
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "DOMParser"):
        assert word not in code
    for word in ("createContextualFragment", "setHTML", "srcdoc", "eval", "Function", "fetch"):
        assert not re.search(rf"\b{word}\b", code)
    for word in ("XMLHttpRequest", "WebSocket", "sendBeacon", "require"):
        assert not re.search(rf"\b{word}\b", code)
    assert not re.search(r"https?:|url\(", code)


@pytest.mark.parametrize("path", STYLES, ids=[path.name for path in STYLES])
def test_a_style_asks_nobody(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("/* ")
    assert not re.search(r"https?:|url\(|@import|@font-face", text)


def test_modules_come_in_the_order_of_their_imports(tmp_path):
    write(
        tmp_path,
        index='// i\nimport { b } from "./b.js";\nimport {\n  a,\n  c,\n} from "./a.js";\nexport default { a, b, c };\n',
        b='// b\nimport { a } from "./a.js";\nexport const b = a + 1;\n',
        a="// a\nexport const a = 1;\nexport function c() {}\n",
    )
    assert front.join_modules(tmp_path, "index.js") == (
        "// == a.js ==\n// a\nconst a = 1;\nfunction c() {}\n\n"
        "// == b.js ==\n// b\nconst b = a + 1;\n\n"
        "// == index.js ==\n// i\nexport default { a, b, c };\n"
    )


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"index": 'import { a } from "./a.js";\n'}, "a.js is missing"),
        (
            {
                "index": 'import { a } from "./a.js";\n',
                "a": 'import { b } from "./index.js";\nexport const a = 1;\n',
            },
            "in a circle",
        ),
        (
            {
                "index": 'import { a } from "./a.js";\nconst b = 1;\n',
                "a": "export const a = 1;\nlet b = 2;\n",
            },
            "b is a name in a.js and in index.js",
        ),
        ({"index": 'import { a } from "./a.js";\n', "a": "const a = 1;\n"}, "nobody exports"),
        ({"index": 'import { a } from "lodash";\n'}, "no module of ours"),
        ({"index": 'import all from "./a.js";\n'}, "cannot be joined"),
        ({"index": "export { a };\n"}, "cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, texts, said):
    write(tmp_path, **texts)
    with pytest.raises(ValueError, match=re.escape(said)):
        front.join_modules(tmp_path, "index.js")
