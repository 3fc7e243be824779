"""Settings of the documentation site: `make docs` builds it, without the network."""

import sys
from pathlib import Path

from pygments.lexers.shell import BashLexer
from sphinx.application import Sphinx

from multicart_async import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "multicart-async"
release = __version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_llm_friendly",
    "annotations",
    "public_names",
    "repository_links",
]
exclude_patterns = ["_build", "_ext"]
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!multicart_async\.).*"),  # the names of other packages: nothing is fetched to link them
    (r"py:.*", r"multicart_async\.(.+\.)?(_\w+|[A-Z](\w+_co)?)(\..+)?"),  # private names, and variables of types
]

myst_heading_anchors = 4

default_role = "name"
smartquotes_action = "D"  # text in quotes is often a value
autodoc_default_options = {"member-order": "bysource", "show-inheritance": True}
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"multicart-async {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
pygments_style = "default"
pygments_dark_style = "github-dark"
llm_friendly_llms_txt_toctree_only = True


def setup(app: Sphinx) -> None:
    """Color lines for cron as those of a shell."""
    app.add_lexer("crontab", BashLexer)
