"""``wormio plugins``: what is installed, whether it keeps the contract, and a new one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from wormio.cli.common import JsonOption, OverwriteOption, QuietOption, as_path
from wormio.cli.kit import (
    OnlyOption,
    OutputOption,
    ReportOption,
    SpecOption,
    deliver,
    run_kit,
)
from wormio.errors import OptionError, PluginLoadError

if TYPE_CHECKING:
    from wormio.registry import Format, PluginRegistry

__all__ = ["all_plugins", "app", "failed_lines"]

app = typer.Typer(no_args_is_help=True, help="List, test and make plugins.")


def all_plugins() -> "PluginRegistry":
    """Load every plugin and keep each failure, also under ``WORMIO_STRICT_PLUGINS=1``."""
    from wormio.registry import PluginRegistry

    registry = PluginRegistry()
    registry.load_entry_points(strict=False)
    return registry


@app.command("list")
def list_plugins(as_json: JsonOption = False) -> None:
    """List the installed plugins: loaded, failed or disabled, and why."""
    plugins = all_plugins().plugins
    if as_json:
        listed = [attrs.asdict(plugin) for plugin in plugins]
        typer.echo(json.dumps({"schema_version": 1, "plugins": listed}, indent=2))
        return
    for plugin in plugins:
        offers = [f"formats {', '.join(plugin.formats)}"] if plugin.formats else []
        if plugin.position_readers:
            offers.append(f"position readers {', '.join(plugin.position_readers)}")
        if plugin.reducers:
            offers.append(f"reducers {', '.join(plugin.reducers)}")
        told = plugin.reason or "; ".join(offers) or "nothing"
        typer.echo(f"{plugin.name:12} {plugin.state:8} [{plugin.distribution}] {told}")


@app.command("test")
def try_plugin(
    name: Annotated[str, typer.Argument(help="A format, or a plugin: its formats.")],
    spec: SpecOption = None,
    only: OnlyOption = None,
    report: ReportOption = "text",
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run the conformance kit on an installed plugin, with the writer that it brings.

    Exit code 0: conformant; 4: not conformant; 5: the plugin could not be loaded.
    """
    from wormio.cli.describe import refuse_existing
    from wormio.testing import subjects_of

    if output is not None:
        refuse_existing(output, overwrite)
    registry = all_plugins()
    formats = _formats(registry, name)
    reports = [
        run_kit(fmt, subject, spec=spec, only=only, quiet=quiet)
        for fmt in formats
        for subject in subjects_of(fmt)
    ]
    deliver(reports, registry, report, output)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Of the format: lower case, as in 'mylab'.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder in which wormio-NAME is made.", parser=as_path),
    ] = Path(),
) -> None:
    """Make a complete plugin: a small format, its reader, an independent writer, and tests."""
    from wormio.cli.scaffold import make_plugin

    folder = make_plugin(name, output, registry=all_plugins())
    typer.echo(
        f"{folder}: a complete plugin\n"
        f"next: pip install {folder if folder.is_absolute() else f'./{folder}'} "
        f"&& wormio plugins test {name}"
    )


def failed_lines(registry: "PluginRegistry") -> list[str]:
    """Return a line for each plugin that could not be loaded, with what to do."""
    lines = []
    for failure in registry.failures:
        name = failure.distribution.split(" ")[0]
        cure = f"upgrade or uninstall {name}, or WORMIO_DISABLE_PLUGINS={failure.plugin}"
        lines.append(f"{failure}\n  to do:    {cure}")
    return lines


def _formats(registry: "PluginRegistry", name: str) -> list["Format"]:
    """Return the formats that a name means: one format, or all of a plugin."""
    known = {fmt.name: fmt for fmt in registry.formats}
    if name in known:
        return [known[name]]
    for plugin in registry.plugins:
        if plugin.name == name and plugin.state == "loaded":
            if not plugin.formats:
                raise OptionError(
                    f"plugin {name!r} has no format to test",
                    found=f"position readers {', '.join(plugin.position_readers)}",
                )
            return [known[fmt] for fmt in plugin.formats]
    for plugin in registry.plugins:
        if plugin.name == name:
            raise PluginLoadError(
                f"plugin {name!r} of {plugin.distribution} is {plugin.state}",
                found=plugin.reason,
                cure="`wormio doctor` says more",
            )
    return [registry.get(name)]  # raises, and says which name was meant
