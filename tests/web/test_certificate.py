from base64 import b64encode
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest

from doors import MakeTenant, OpenClient, client
from harka import clock
from harka.files.typeset import Typesetter
from harka.learning import branding, certificate, course, enrollment, lesson, progress, user
from harka.learning.branding import BrandingChanges
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import operator_context
from harka.tenancy.entitlement import limits_for
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.plan import PlanLimits, Resource
from harka.tenancy.quota import Admission
from harka.web.middleware.draining import Draining
from harka.web.routes import build

# begins like a picture, and is none
DAMAGED = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1"


def working(runtime: Runtime, tenant: Organization) -> AbstractAsyncContextManager[UnitOfWork]:
    parts = runtime.databases, runtime.cache, runtime.pubsub
    return unit_of_work(*parts, operator_context(tenant), read_only=False, timeout=20.0)


async def awarded(runtime: Runtime, tenant: Organization) -> UUID:
    """A certificate of somebody with a name that not every font has."""
    lessons = (LessonOutline("One"),)
    draft = CourseDraft(
        title="Sums #1 *for* $all$",
        code="SUMS",
        modules=(ModuleOutline("Begin", lessons),),
        published=True,
        awards_certificate=True,
    )
    async with working(runtime, tenant) as work:
        person = await user.create(work, UserDraft(email="ada@example.com", name="Ada 😀 مرحبا"))
        taught = await course.create(work, draft)
        enrolled = await enrollment.enroll(work, user_id=person.id, course_id=taught.id)
        for each in (await lesson.by_course(work, [taught.id]))[taught.id]:
            await progress.record(work, enrollment_id=enrolled.enrollment.id, lesson_id=each.id, fraction=1.0)
        (found,) = await certificate.list_page(work, user_id=person.id, after=None, first=2)
    return found.id


def path_of(runtime: Runtime, tenant: Organization, id_: UUID, *, lifetime: float = 60.0) -> str:
    path = f"certificates/{id_.hex}.pdf"
    return f"/files/certificates/{runtime.files.sign(tenant.id, path, lifetime=lifetime)}"


async def test_a_link_answers_the_certificate_as_a_pdf(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    id_ = await awarded(runtime, tenant)
    http = await api(tenant, scopes=())
    answer = await http.get(path_of(runtime, tenant, id_))
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")
    assert "Ada 😀 مرحبا: Sums #1 *for* $all$".encode() in answer.content
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith('attachment; filename="certificate-')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in answer.headers["cache-control"]
    assert (await http.get(path_of(runtime, tenant, id_))).content == answer.content


async def test_a_logo_that_cannot_be_drawn_is_left_out(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    id_ = await awarded(runtime, tenant)
    async with working(runtime, tenant) as work:
        await branding.save_draft(work, BrandingChanges(logo=b64encode(DAMAGED).decode()))
        await branding.publish(work)
    answer = await (await api(tenant, scopes=())).get(path_of(runtime, tenant, id_))
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")


async def test_a_link_ends_with_its_time_its_tenant_and_its_certificate(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant, other = await make_tenant(), await make_tenant()
    id_ = await awarded(runtime, tenant)
    ours, theirs = await api(tenant, scopes=()), await api(other)
    assert (await theirs.get(path_of(runtime, tenant, id_))).status_code == 404
    assert (await theirs.get(path_of(runtime, other, id_))).status_code == 404
    assert (await ours.get(path_of(runtime, tenant, id_, lifetime=-1.0))).status_code == 404
    # of a file, not of a certificate
    link = runtime.files.sign(tenant.id, "exports/a.pdf", lifetime=60.0)
    assert (await ours.get(f"/files/certificates/{link}")).status_code == 404
    async with working(runtime, tenant) as work:
        await certificate.revoke(work, id_, "Copied")
    assert (await ours.get(path_of(runtime, tenant, id_))).status_code == 404


async def test_what_it_holds_of_the_processor_counts_also_in_the_threads_that_set_it(
    runtime: Runtime, make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def many(organization: Organization) -> PlanLimits:
        limits = {"requests_per_second": 100, "burst": 100, "cpu_millicores": 1000}
        return msgspec.structs.replace(limits_for(organization), **limits)

    # nothing flows back, however long it takes
    at = clock.monotonic()
    still = SimpleNamespace(monotonic=lambda: at, now=clock.now)
    for module in ("quota", "allowance"):
        monkeypatch.setattr(f"harka.tenancy.{module}.clock", still)
    tenant, admission, typesetter = await make_tenant(), Admission(limits=many), Typesetter()
    parts = msgspec.structs.replace(runtime, admission=admission, typesetter=typesetter)
    path = path_of(runtime, tenant, await awarded(runtime, tenant))
    address = f"http://{tenant.slug}.{runtime.settings.platform_domain}"

    async def taken(times: int, *, anew: bool) -> float:
        """Milliseconds."""
        before = await used(admission, tenant)
        for _ in range(times):
            if anew:
                typesetter._made.clear()
            assert (await http.get(path)).status_code == 200
        return 1000.0 * (await used(admission, tenant) - before)

    async with client(build(parts, Draining()), base_url=address) as http:
        await taken(2, anew=True)
        kept = await taken(10, anew=False)
        assert abs(kept - 10.0) > 0.1, "ten tolls, and no more was looked at"
        assert await taken(10, anew=True) > kept + 10.0


async def test_it_counts_as_downloaded_and_beyond_the_months_bandwidth_is_not_sent(
    runtime: Runtime, api: OpenClient, make_tenant: MakeTenant
) -> None:
    tenant = await make_tenant()
    path = path_of(runtime, tenant, await awarded(runtime, tenant))
    http = await api(tenant)
    size = len((await http.get(path)).content)
    assert (await http.head(path)).status_code == 200
    assert (await runtime.requests.this_month(tenant)).downloaded == size
    limits = {"bandwidth_bytes": 2 * size - 1, "grace": 0.0}
    await change(runtime.catalog, tenant, Wanted(limits=limits), actor="test")
    refused = await (await api(tenant)).get(path)
    told = refused.json()["errors"][0]["extensions"]
    assert (refused.status_code, told["code"], told["resource"]) == (429, "QUOTA_EXCEEDED", "BANDWIDTH")
    assert (await runtime.requests.this_month(tenant)).downloaded == size


async def used(admission: Admission, tenant: Organization) -> float:
    """Seconds of a processor."""
    (level,) = [each for each in await admission.levels(tenant) if each.resource == Resource.CPU]
    return level.used


@pytest.mark.parametrize("link", ["x", "A" * 4000, "%00", "é", "..%2f"])
async def test_garbage_is_not_found(api: OpenClient, make_tenant: MakeTenant, link: str) -> None:
    answer = await (await api(await make_tenant(), scopes=())).get(f"/files/certificates/{link}")
    assert answer.status_code == 404
