from pathlib import Path

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from doors import MakeTenant
from harka.config import Settings
from harka.errors import NotFoundError
from harka.mail.mailer import Mailer
from harka.runtime import Runtime
from harka.web.middleware.draining import Draining
from harka.web.outbox import Outbox
from harka.web.routes import build
from mail.test_letter import letter


def client(directory: Path, address: str = "127.0.0.1") -> httpx2.AsyncClient:
    outbox = Outbox(str(directory))
    app = Starlette(routes=[Route("/dev/outbox", outbox), Route("/dev/outbox/{name}", outbox)])
    transport = httpx2.ASGITransport(app, client=(address, 5000))
    return httpx2.AsyncClient(transport=transport, base_url="http://harka.localhost")


async def test_what_was_sent_is_shown_and_runs_nothing(tmp_path: Path) -> None:
    async with client(tmp_path / "none") as browser:
        assert "No e-mail" in (await browser.get("/dev/outbox")).text
    sent = letter(subject="<script>x</script>", html="<p>“Hello”</p><script>x</script>")
    await Mailer(Settings(mail_outbox=str(tmp_path))).send(sent)
    async with client(tmp_path) as browser:
        listed = await browser.get("/dev/outbox")
        shown = await browser.get(f"/dev/outbox/{sent.id}.eml")
    assert f"/dev/outbox/{sent.id}.eml" in listed.text
    for page in (listed, shown):
        assert "<script>" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "Hello, Ada." in shown.text
    assert "&lt;p&gt;“Hello”" in shown.text


@pytest.mark.parametrize(
    ("address", "headers", "path"),
    [
        ("203.0.113.7", {}, ""),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, ""),
        ("127.0.0.1", {}, "/secret.eml"),
        ("127.0.0.1", {}, "/00000000-0000-0000-0000-000000000000.eml"),
    ],
    ids=["elsewhere", "proxied", "no e-mail of ours", "absent"],
)
async def test_for_others_and_elsewhere_there_is_nothing(
    tmp_path: Path, address: str, headers: dict[str, str], path: str
) -> None:
    (tmp_path / "secret.eml").write_text("Subject: x")
    async with client(tmp_path, address) as browser:
        with pytest.raises(NotFoundError):
            await browser.get(f"/dev/outbox{path}", headers=headers)


async def test_without_the_setting_there_is_no_such_page(
    runtime: Runtime, make_tenant: MakeTenant, tmp_path: Path
) -> None:
    host = f"{(await make_tenant()).slug}.{runtime.settings.platform_domain}"
    found = []
    for outbox, at in ((None, host), (str(tmp_path), host), (str(tmp_path), "evil.example")):
        settings = msgspec.structs.replace(runtime.settings, mail_outbox=outbox)
        app = build(msgspec.structs.replace(runtime, settings=settings), Draining())
        transport = httpx2.ASGITransport(app, client=("127.0.0.1", 5000))
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{at}") as browser:
            found.append((await browser.get("/dev/outbox")).status_code)
    assert found == [404, 200, 404]
