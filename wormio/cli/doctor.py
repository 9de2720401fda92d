"""``wormio doctor``: what is installed and what is wrong with it."""

import json
import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import attrs
import typer

from wormio.cli.common import JsonOption
from wormio.cli.plugins import all_plugins, failed_lines

if TYPE_CHECKING:
    from wormio.registry import PluginRegistry

__all__ = ["doctor"]

_PLUGIN_FAILED = 5
_LIBRARIES = ("numpy", "scipy", "h5py", "tifffile", "cffi", "pluggy", "attrs", "matplotlib")
_SLOW = 0.5  # seconds; worth a word, since every command pays it


def doctor(as_json: JsonOption = False) -> None:
    """Show versions, plugins and settings; name each plugin that is broken, and the cure.

    Exit code 0: all plugins are loaded or disabled on purpose; 5: one could not be loaded.
    """
    registry = all_plugins()
    found = _findings(registry)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        typer.echo(_text(found, registry))
    if registry.failures:
        raise typer.Exit(_PLUGIN_FAILED)


def _findings(registry: "PluginRegistry") -> dict[str, Any]:
    from wormio.registry.manager import misspelt_plugins

    return {
        "schema_version": 1,
        "ok": not registry.failures,
        "wormio": metadata.version("wormio"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "executable": sys.executable,
        "platform": platform.platform(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "hdf5": _hdf5(),
        "c_core": _c_core(),
        "open_files_limit": _open_files(),
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith("WORMIO_")},
        "misspelt": misspelt_plugins(),
        "descriptions": _descriptions(),
        "plugins": [attrs.asdict(plugin) for plugin in registry.plugins],
    }


def _text(found: dict[str, Any], registry: "PluginRegistry") -> str:
    libraries = ", ".join(f"{k} {v}" for k, v in found["libraries"].items() if v)
    absent = [name for name, version in found["libraries"].items() if not version]
    lines = [
        ("wormio", found["wormio"]),
        ("python", f"{found['python']} at {found['executable']}"),
        ("platform", found["platform"]),
        ("libraries", f"{libraries}; HDF5 {found['hdf5']}"),
        *((("absent", ", ".join(absent)),) if absent else ()),
        ("C core", found["c_core"]),
        ("open files", f"at most {found['open_files_limit']}"),
        *(("variable", f"{name}={value}") for name, value in found["environment"].items()),
    ]
    lines += [("MISSPELT", text) for text in found["misspelt"]]
    lines += [("description", name) for name in found["descriptions"]["read"]]
    lines += [("BROKEN", text) for text in found["descriptions"]["broken"]]
    for plugin in registry.plugins:
        told = plugin.reason if plugin.state == "disabled" else ", ".join(plugin.formats)
        slow = f"; slow: took {plugin.seconds:.1f} s to load" if plugin.seconds > _SLOW else ""
        if plugin.state != "failed":
            lines.append(
                (
                    "plugin",
                    f"{plugin.name} (of {plugin.distribution}): {plugin.state}; {told}{slow}",
                )
            )
    lines += [("FAILED", line) for line in failed_lines(registry)]
    return "\n".join(f"{name:10} {text}" for name, text in lines)


def _descriptions() -> dict[str, list[str]]:
    from wormio.formats.described.shelf import from_environment

    shelf = from_environment()
    return {"read": [name for name, *_ in shelf.descriptions], "broken": list(shelf.broken)}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _hdf5() -> str:
    try:
        import h5py
    except ImportError as error:
        return f"cannot be loaded: {error}"
    return str(h5py.version.hdf5_version)


def _c_core() -> str:
    try:
        from wormio.extraction.kernels import build_id
    except ImportError as error:
        return f"cannot be loaded: {error}"
    return f"build {build_id()}"


def _open_files() -> int | None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
