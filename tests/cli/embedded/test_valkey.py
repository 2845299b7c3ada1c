from pathlib import Path

import pytest

from harka.cli.embedded import valkey
from harka.cli.embedded.process import ServerError
from harka.config import Settings


def test_the_wheel_brings_the_program() -> None:
    assert valkey.find_program(Settings()).name == "valkey-server"


def test_a_setting_that_names_no_program_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="HARKA_VALKEY_BIN"):
        valkey.find_program(Settings(valkey_bin=str(tmp_path)))


def test_it_opens_no_port(tmp_path: Path) -> None:
    arguments = valkey.serve(tmp_path, tmp_path, tmp_path, durable=True).arguments
    assert arguments[arguments.index("--port") + 1] == "0"


def test_nobody_answers_where_nothing_listens(tmp_path: Path) -> None:
    assert not valkey.answers(tmp_path)
