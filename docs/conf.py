"""How the documentation is built; no network is needed."""

from importlib.metadata import version as _version

project = "wormio"
author = "The wormio developers"
copyright = author
release = version = _version("wormio")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# Pages are Markdown; headings can be linked to, as on a code-hosting site.
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_member_order = "bysource"
# Docstrings name the types in words of the field, (F, C) int64; annotations would say it twice,
# with names of NumPy's typing module that mean nothing to a reader.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
# The templates list the members, in the order of the source.
numpydoc_show_class_members = False
# In docstrings, `name` is a link where there is something to link to.
default_role = "autolink"

nitpicky = True
nitpick_ignore_regex = [
    # Python's and NumPy's own names: their inventories would have to be downloaded.
    (r"py:.*", r"(builtins\.)?[a-z]+"),
    (r"py:.*", r"(builtins\.)?[A-Z][A-Za-z]+(Error|Exception|Interrupt)"),
    (r"py:.*", r"(abc|collections|enum|numpy|pathlib|typing)\..*"),
    # Modules are told about in architecture.md; the reference documents the public packages.
    (r"py:.*", r"wormio(\.[a-z0-9_]+)*"),
]

html_theme = "pydata_sphinx_theme"
html_title = "wormio"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_depth": 2}
html_sidebars = {"index": [], "cli": [], "errors": [], "architecture": []}
