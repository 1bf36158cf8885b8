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
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "jupyter_execute"]

# Pages are Markdown; the notebooks have been executed before they are read (see below).
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
# Outputs of cells follow the theme of the page by themselves: ours have no background.
nb_mime_priority_overrides = [("html", "text/html", 0)]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

# The API, from the docstrings.
autosummary_generate = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# Members of our own bases, such as the rows of a collection, without those of other libraries.
OTHERS = "object,dict,BaseException,Exception,OSError,Box,DOMWidget,Widget,HasTraits,HasDescriptors,LightningDataModule"
# Pages say nothing of the hooks that lightning documents, in its own markup; the notebook of scvi-tools has the real one.
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
html_static_path = ["_static"]
html_css_files = ["page.css"]
html_title = f"mappedviz {version}"
html_show_sourcelink = False
# Nothing is fetched from elsewhere, neither while building nor while reading.
html_theme_options = {"navigation_with_keys": True}


def setup(app):
    """What pages show is made before they are read: pictures, notebooks with outputs, a report."""
    import executed
    import gallery
    import live

    def make(app):
        if app.builder.name != "linkcheck":
            gallery.draw()
            live.write()
        executed.execute()

    app.connect("builder-inited", make)
