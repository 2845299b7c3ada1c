import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.running import harka
from harka.cli.main import COMMANDS, assemble
from harka.config import Settings


def test_the_list_of_commands_loads_none_of_them() -> None:
    script = (
        "import sys; from harka.cli.main import assemble; assemble(['--help'])"
        ";print(sorted(m for m in sys.modules if m.startswith('harka.')))"
    )
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == "['harka.cli', 'harka.cli.main', 'harka.errors']"


def test_the_list_names_every_command() -> None:
    shown = CliRunner().invoke(assemble(["--help"]), ["--help"]).stdout
    assert [name for name in COMMANDS if f" {name} " not in shown] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    shown = CliRunner().invoke(assemble([name]), [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"harka {name}" in shown.stdout or "Usage: root" in shown.stdout


def test_a_wrong_name_is_refused_with_a_hint() -> None:
    answer = harka(Settings(), "migrat")
    assert answer.returncode == 2
    assert "migrate" in answer.stderr


def test_an_error_of_ours_is_one_line(data: Path) -> None:
    data.mkdir(parents=True)
    (data / "something").write_text("")
    answer = harka(Settings(), "reset", "--data", str(data))
    assert answer.returncode == 1
    assert answer.stderr == f"harka: {data} is not a data directory of HARKA\n"
