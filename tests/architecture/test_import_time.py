"""A command answers at once: the command line must not import the server to print its help."""

import subprocess
import sys

HEAVY = ("strawberry", "graphql", "asyncpg", "starlette", "uvicorn", "locust")


def test_the_command_line_starts_without_the_server() -> None:
    script = f"import sys, harka.cli.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
