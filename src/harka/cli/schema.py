"""`harka schema`: the GraphQL schema as text."""

from pathlib import Path
from typing import Annotated, Final

import typer

from harka.graph.schema import sdl

FILE: Final = Path("schema.graphql")


def schema(
    *,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if the file differs.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the file.")] = False,
    file: Annotated[Path, typer.Option(help="The committed schema.")] = FILE,
) -> None:
    """Print the schema, write it to a file, or check that the file is current."""
    text = sdl()
    if check:
        current = file.exists() and file.read_text() == text
        print(
            f"{file} is current"
            if current
            else f"{file} is not what the code says; run: harka schema --write"
        )
        raise typer.Exit(0 if current else 1)
    if write:
        file.write_text(text)
    else:
        print(text, end="")
