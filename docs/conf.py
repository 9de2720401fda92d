"""How the documentation is built; no network is needed."""

import contextlib
import doctest
import shutil
import tempfile
from importlib.metadata import version as _version
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

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
    (r"py:obj", r"derive\.\w+"),
]

# pluggy's, in the docstring that `hookimpl` inherits.
nitpick_ignore = [("py:class", "PluginManager"), ("py:meth", "PluginManager.register")]

html_theme = "pydata_sphinx_theme"
html_title = "wormio"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_depth": 2}
html_sidebars = {"index": [], "cli": [], "errors": [], "architecture": []}


def _link_field_to_its_class(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve `Timeline.stored` to Timeline: fields are told in the table of their class.

    A bare name is a field of the class at hand, and needs no link.
    """
    if node.get("refdomain") != "py" or node.get("reftype") != "obj":
        return None
    owner, _, field = node["reftarget"].rpartition(".")
    if not owner:
        return contnode if field.islower() else None
    nearby = node.copy()
    nearby["refspecific"] = True
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, "obj", owner, nearby, contnode
    )


def _draw_figures(app: Any) -> None:
    """Run the examples of the page that draws its own figures: none is ever out of date."""
    page, figures = Path(app.srcdir) / "worked-analysis.md", Path(app.srcdir) / "figures"
    figures.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        failed, _ = doctest.testfile(
            str(page),
            module_relative=False,
            optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
            encoding="utf-8",
        )
        if failed:
            raise ExtensionError(f"{page.name}: examples fail, see above")
        for figure in Path(folder).glob("*.png"):
            shutil.copy(figure, figures)


def setup(app: Any) -> None:
    """Extend Sphinx."""
    app.connect("builder-inited", _draw_figures)
    app.connect("missing-reference", _link_field_to_its_class)
