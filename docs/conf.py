"""Sphinx configuration: `make docs` builds with -W, without a network."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "mappedviz"
author = "the mappedviz authors"
copyright = "2026, the mappedviz authors"  # noqa: A001 - Sphinx reads this name
version = release = installed_version("mappedviz")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "jupyter_execute"]

# Pages are Markdown, notebooks are executed by the tests and shown without outputs here.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"

# The API, from the docstrings.
autosummary_generate = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# Members of our own bases, such as the rows of a collection, without those of other libraries.
OTHERS = "object,dict,BaseException,Exception,OSError,Box,DOMWidget,Widget,HasTraits,HasDescriptors,LightningDataModule"
# Of the extra scvi, which is larger than everything else; pages say nothing of it.
autodoc_mock_imports = ["lightning"]
autodoc_default_options = {
    "members": True,
    "inherited-members": OTHERS,
    "show-inheritance": True,
}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Attributes of the same name in several classes, where a docstring lists its own.
suppress_warnings = ["ref.python"]
python_use_unqualified_type_names = True
add_module_names = False
maximum_signature_line_length = 90

html_theme = "furo"
html_title = f"mappedviz {version}"
html_show_sourcelink = False
# Nothing is fetched from elsewhere, neither while building nor while reading.
html_theme_options = {"navigation_with_keys": True}


def setup(app):
    """The pictures of the gallery are drawn before the page that shows them is read."""
    import gallery

    app.connect("builder-inited", lambda app: gallery.draw())
