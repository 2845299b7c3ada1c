"""The programs in `examples/` do what they say, against a server."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.running import running
from doors import MakeTenant
from harka.auth import api_key
from harka.config import Settings
from harka.learning import bulk_change, user
from harka.learning.user import UserDraft
from harka.runtime import Runtime
from harka.tenancy.permission import Permission
from node import install, is_required, run
from school import School
from served import served

ROOT = Path(__file__).parents[2]
LEARNERS = 500
MORE_THAN_AT_ONCE = bulk_change.AT_ONCE + 1
SAID = re.compile(
    r"course [A-Z]+-[\w-]+ is open\n"
    rf"({LEARNERS}|{MORE_THAN_AT_ONCE}) learners enrolled\n"
    r"heard (over the socket|as it happened): Learner \d+ has done \d[\d.]* ?%\n"
    r"offline batch, attempt 1: 2 of 2 were news\n"
    r"offline batch, attempt 2: 0 of 2 were news\n"
    r"certificate of Learner \d+ for '\w+ and HARKA': VALID\n"
)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy, beside the schema: nothing is built in the checkout."""
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    ignored = shutil.ignore_patterns("node_modules", "dist")
    return Path(shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignored))


@pytest.fixture
def learners() -> int:
    return LEARNERS


@pytest.fixture
async def environment(
    make_tenant: MakeTenant, runtime: Runtime, settings: Settings, tmp_path: Path, learners: int
) -> AsyncIterator[dict[str, str]]:
    """Where the programs find an organization with learners, and the key to it."""
    school = School(runtime, await make_tenant())
    async with school.work() as work:
        names = [f"Learner {number}" for number in range(learners)]
        drafts = [
            UserDraft(email=f"l{n}@example.com", name=name, role="learner") for n, name in enumerate(names)
        ]
        await user.create_many(work, drafts)
    key = await api_key.create(
        runtime.catalog, school.organization.id, name="example", scopes=list(Permission)
    )
    async with served(settings, tmp_path / "log") as address:
        yield {"HARKA_URL": f"{address}/graphql", "HARKA_KEY": key.text}


async def test_python(examples: Path, environment: dict[str, str]) -> None:
    home = examples / "python"
    if not is_required():
        pytest.importorskip("ensurepip")
    await asyncio.to_thread(run, home, sys.executable, "-m", "venv", "venv")
    python = str(home / "venv" / "bin" / "python")
    await asyncio.to_thread(run, home, python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt")
    said = await asyncio.to_thread(run, home, python, "learn.py", **environment)
    assert SAID.fullmatch(said), said


async def test_typescript(examples: Path, environment: dict[str, str]) -> None:
    home = await asyncio.to_thread(install, examples / "typescript", examples / "built")
    for step in ("generate", "build"):
        await asyncio.to_thread(run, home, "npm", "run", "--silent", step)
    said = await asyncio.to_thread(run, home, "npm", "run", "--silent", "start", **environment)
    assert SAID.fullmatch(said), said


async def test_curl(examples: Path, environment: dict[str, str]) -> None:
    if not is_required() and not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("no curl, or no jq")
    said = await asyncio.to_thread(run, examples / "curl", "./learn.sh", **environment)
    assert SAID.fullmatch(said), said


@pytest.mark.parametrize("learners", [MORE_THAN_AT_ONCE])
async def test_curl_waits_where_a_job_enrolls_them(
    examples: Path, environment: dict[str, str], settings: Settings, tmp_path: Path, learners: int
) -> None:
    if not is_required() and not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("no curl, or no jq")
    with running(settings, tmp_path / "worker", "worker"):
        said = await asyncio.to_thread(run, examples / "curl", "./learn.sh", **environment)
    assert SAID.fullmatch(said), said
    assert f"{learners} learners enrolled" in said
