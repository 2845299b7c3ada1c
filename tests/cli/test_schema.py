from pathlib import Path

from typer.testing import CliRunner

from harka.cli.main import assemble
from harka.graph.schema import sdl

COMMITTED = Path(__file__).parents[2] / "schema.graphql"


def schema(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(assemble(["schema"]), ["schema", *arguments])
    return done.exit_code, done.stdout


def test_it_is_printed() -> None:
    assert schema() == (0, sdl())


def test_the_committed_file_is_current() -> None:
    assert schema("--check", "--file", str(COMMITTED))[0] == 0, "run: ./harka schema --write"


def test_a_file_that_differs_fails_the_check_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "schema.graphql"
    assert schema("--check", "--file", str(file))[0] == 1
    file.write_text(sdl() + "# more\n")
    code, said = schema("--check", "--file", str(file))
    assert (code, "harka schema --write" in said) == (1, True)
    assert file.read_text().endswith("# more\n")


def test_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "schema.graphql"
    assert schema("--write", "--file", str(file)) == (0, "")
    assert schema("--check", "--file", str(file))[0] == 0
