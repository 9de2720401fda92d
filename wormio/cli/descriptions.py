"""``wormio describe``: how to describe a format, and whether a description is right."""

from typing import Annotated

import typer

__all__ = ["describe"]


def describe(
    file: Annotated[
        str | None,
        typer.Argument(help="A description (.toml), or the name of one that comes with wormio."),
    ] = None,
) -> None:
    """Print an annotated example of a description, or check one and say what it means."""
    from wormio.formats.described.shelf import described, example
    from wormio.formats.described.telling import understood

    if file is None:
        typer.echo(example(), nl=False)
        return
    description, _ = described(file)
    typer.echo("\n".join(f"{name:10} {text}" for name, text in understood(description)))
