from pathlib import Path

from cli.running import harka, running
from cli.waiting import text, wait_until
from harka.config import Settings


def test_it_works_until_it_is_asked_to_stop(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(settings, log, "worker") as process:
        wait_until(lambda: "working" in text(log) or process.poll() is not None)
        process.terminate()
        assert process.wait(30) == 0, text(log)
        assert "Traceback" not in text(log)


def test_without_servers_it_says_what_is_missing() -> None:
    done = harka(Settings(), "worker")
    assert (done.returncode, done.stderr.partition(" is ")[0]) == (1, "harka: HARKA_DATABASE_URL")
