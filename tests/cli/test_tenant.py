import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from cli.test_imports import harka
from harka.config import Settings
from harka.repositories import organization as organizations
from harka.runtime import Runtime


def new_slug() -> str:
    return f"t{secrets.token_hex(6)}"


async def made(settings: Settings, slug: str, *options: str) -> dict[str, Any]:
    code, out, notes = await harka(settings, "tenant", "create", slug, "--json", *options)
    assert (code, notes) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


async def test_an_organization_is_created_and_served(runtime: Runtime) -> None:
    slug = new_slug()
    shown = await made(
        runtime.settings, slug, "--name", "Acme Ltd", "--plan", "growth", "--users", "300", "--region", "eu"
    )
    assert (shown["name"], shown["plan"], shown["region"], shown["mode"]) == (
        "Acme Ltd",
        "GROWTH",
        "eu",
        "POOL",
    )
    assert shown["shard"].startswith("shard_medium_")
    assert "sso" in shown["features"]
    await runtime.directory.refresh()
    served = runtime.directory.current.by_slug(slug)
    assert served is not None
    assert str(served.id) == shown["id"]


async def test_a_mode_may_be_asked_for(runtime: Runtime) -> None:
    shown = await made(runtime.settings, new_slug(), "--mode", "schema")
    assert (shown["mode"], shown["schema"][:7]) == ("SCHEMA", "tenant_")


async def test_it_is_listed_and_shown(runtime: Runtime) -> None:
    slug = new_slug()
    shown = await made(runtime.settings, slug, "--name", "[/b]")
    assert (shown["domain"], shown["region"]) == (None, None)
    _, listed, _ = await harka(runtime.settings, "tenant", "list", "--json")
    assert shown in json.loads(listed)
    _, table, _ = await harka(runtime.settings, "tenant", "list")
    assert slug in table
    assert "[/b]" in table
    _, text, _ = await harka(runtime.settings, "tenant", "show", slug)
    assert shown["id"] in text
    assert "None" not in text


async def test_suspending_and_resuming(runtime: Runtime) -> None:
    slug = new_slug()
    await made(runtime.settings, slug)
    for command, status in (("suspend", "suspended"), ("resume", "active")):
        assert (await harka(runtime.settings, "tenant", command, slug))[0] == 0
        found = await organizations.find_by_slug(runtime.catalog, slug)
        assert found is not None
        assert found.status == status


async def test_a_domain_is_claimed_and_then_verified(runtime: Runtime) -> None:
    slug = new_slug()
    await made(runtime.settings, slug, "--plan", "growth")
    name = f"{slug}.example.com"
    for command, status in (("add", "PENDING"), ("verify", "ACTIVE")):
        _, out, _ = await harka(runtime.settings, "tenant", "domain", command, slug, name)
        assert out == f"{name} ({status})\n"
    _, out, _ = await harka(runtime.settings, "tenant", "show", slug, "--json")
    assert json.loads(out)["domains"] == [f"{name} (ACTIVE)"]


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (("create", "www"), "error: This slug is reserved.\n"),
        (("show", "nobody-here"), "error: There is no such organization.\n"),
        (("suspend", "nobody-here"), "error: There is no such organization.\n"),
        (("domain", "add", "nobody-here", "x.com"), "error: There is no such organization.\n"),
    ],
)
async def test_what_goes_wrong_is_one_line(settings: Settings, arguments: tuple[str, ...], note: str) -> None:
    assert await harka(settings, "tenant", *arguments) == (1, "", note)


async def test_it_works_on_the_data_of_a_stopped_harka(data: Path) -> None:
    nothing = Settings()
    place = ("--data", str(data))
    # where nothing was ever begun there is nothing to list
    code, _, notes = await harka(nothing, "tenant", "list", *place)
    assert (code, notes.partition(":")[0]) == (1, "error")
    assert (await harka(nothing, "tenant", "create", "acme", *place))[0] == 0
    code, out, _ = await harka(nothing, "tenant", "list", "--json", *place)
    assert (code, [each["slug"] for each in json.loads(out)]) == (0, ["acme"])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--timezone", "Europe/Atlantis", "no such time zone"),
        ("--timezone", "../etc/localtime", "no such time zone"),
        ("--locale", "no language", "not a language tag"),
    ],
)
async def test_what_no_admin_could_set_an_operator_cannot_either(
    settings: Settings, option: str, value: str, words: str
) -> None:
    slug = new_slug()
    code, _, notes = await harka(settings, "tenant", "create", slug, option, value)
    assert code == 1
    assert words in notes
    assert (await harka(settings, "tenant", "show", slug))[0] == 1, "nothing was made"
