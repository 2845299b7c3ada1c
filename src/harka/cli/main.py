"""`harka`: a module per command, imported when its command is called, so that none waits for the others."""

import gc
import importlib
import sys
from typing import Final

import typer

import harka
from harka.errors import HarkaError

COMMANDS: Final = {
    "up": "Everything on this machine: embedded servers, API, worker, demo tenants.",
    "serve": "The API, on the servers that HARKA_*_URL name.",
    "worker": "The worker, which runs the jobs.",
    "jobs": "Jobs of an organization: list, dead, cancel, retry.",
    "migrate": "Bring the database schemas up to date.",
    "tenant": "Organizations: create, list, show, suspend, resume, domains.",
    "key": "API keys: create, list, revoke.",
    "token": "Tokens for users, and the keys that sign them.",
    "user": "Users: a way back in.",
    "import": "Read data in.",
    "export": "Write data out.",
    "schema": "The GraphQL schema: print, write, check.",
    "config": "Every setting.",
    "doctor": "What works on this machine, and what does not.",
    "reset": "Delete the embedded servers' data.",
}
_MODULES: Final = {"up": "start", "import": "imports", "export": "exports"}
"""Where the command's name cannot be the module's: a keyword, its twin, a name of two letters."""


def main() -> None:
    try:
        assemble(sys.argv[1:])(prog_name="harka")
    except HarkaError as error:
        sys.exit(f"harka: {error.message}")


def assemble(arguments: list[str]) -> typer.Typer:
    """The application as far as `arguments` need it: the command they name, or else the list of all."""
    root = typer.Typer(
        help=harka.__doc__,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback()(_root)
    wanted = arguments[0] if arguments else ""
    if wanted in COMMANDS:
        _mount(root, wanted)
    else:
        for name, summary in COMMANDS.items():
            root.command(name, help=summary)(_root)
    return root


def _mount(root: typer.Typer, name: str) -> None:
    """A module has an `app`, or a function of the command's name."""
    gc.disable()  # nothing of what is imported goes again; looking for it took a tenth of the time
    module = importlib.import_module(f"harka.cli.{_MODULES.get(name, name)}")
    gc.enable()
    if hasattr(module, "app"):
        root.add_typer(module.app, name=name)
    else:
        root.command(name)(getattr(module, name))


def _root() -> None:
    """Do nothing: without a callback typer makes a lone command the whole program."""


if __name__ == "__main__":
    main()
