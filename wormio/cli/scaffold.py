"""Making the files of a new plugin from the template that wormio brings."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from wormio.errors import ContractError, OptionError, OutputExistsError
from wormio.registry import Format, PluginRegistry, Probe

__all__ = ["make_plugin", "render_plugin"]

_SUFFIX = ".tmpl"
_PACKAGE = "__package__"


def make_plugin(name: str, output: Path, *, registry: PluginRegistry) -> Path:
    """Write ``wormio-NAME`` into a folder.

    Parameters
    ----------
    name : str
        Of the format and of the entry point: a slug that no other distribution has.
    output : Path
        Existing folder.
    registry : PluginRegistry
        What is installed.

    Returns
    -------
    Path
        The folder that was made.

    Raises
    ------
    OptionError
        The name is no slug, or taken.
    OutputExistsError
        The folder is there already.
    """
    _check_name(name, registry)
    if not output.is_dir():
        if output.exists():
            raise NotADirectoryError(errno.ENOTDIR, "the output is a file, no folder", str(output))
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(output))
    target = output / f"wormio-{name}"
    if target.exists():
        raise OutputExistsError(
            "the plugin is there already", path=target, cure="another name, or --output FOLDER"
        )
    for relative, text in render_plugin(name).items():
        file = target / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return target


def render_plugin(name: str) -> dict[str, str]:
    """Return the files of a new plugin: text by relative path."""
    package = f"wormio_{name.replace('-', '_')}"
    title = "".join(part.capitalize() for part in name.split("-"))
    # The contract, not the last bug fix, is what a plugin depends on.
    major_minor = ".".join(version("wormio").split(".")[:2])
    words = {
        "slug": name,
        "distribution": f"wormio-{name}",
        "package": package,
        "class": title,
        "options": f"{title}Options",
        "version": major_minor,
    }
    root = resources.files("wormio") / "templates" / "plugin"
    return {
        path.removesuffix(_SUFFIX).replace(_PACKAGE, package): Template(
            file.read_text(encoding="utf-8")
        ).substitute(words)
        for path, file in sorted(_walk(root), key=lambda found: found[0])
    }


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name, entry


def _check_name(name: str, registry: PluginRegistry) -> None:
    try:
        Format(name=name, title="", opener="a:b", detect=_nothing)
    except ContractError as error:
        likely = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").lstrip("0123456789-")
        raise OptionError(
            "a plugin cannot have this name",
            expected=error.expected,
            found=repr(name),
            cure=f"wormio plugins new {likely or 'mylab'}",
        ) from None
    owners = {f.name: registry.distribution(f.name) for f in registry.formats}
    owners |= {plugin.name: plugin.distribution for plugin in registry.plugins}
    owner = owners.get(name, "")
    if owner and owner.split(" ")[0] != f"wormio-{name}":
        raise OptionError(
            f"the name {name!r} is taken by {owner}", cure="choose the name of your lab or rig"
        )


def _nothing(_probe: Probe) -> None:
    """Stand in for a detector."""
