"""Whom a verified answer lets in; how a browser gets there is in `tests/web/test_saml.py`."""

import pytest

from harka.errors import NotFoundError, SsoRefusedError
from harka.ids import NodeKind, new_id
from harka.learning import saml_entrance, sso, sso_saml
from harka.learning.session import Device
from harka.learning.sso_draft import RoleMapping, SsoDraft
from harka.learning.sso_entrance import Where
from harka.learning.sso_saml import SamlDraft
from harka.repositories.sso import SsoConnection
from harka.tenancy.context import ANONYMOUS, TenantContext
from saml_idp import ISSUER, KEY, Said, changed, metadata, needs_xmlsec1, posted, response, signed
from school import School, school
from sso_school import connection as oidc_connection
from sso_school import issuer, provider, working

__all__ = ["issuer", "oidc_connection", "provider", "school"]
pytestmark = needs_xmlsec1
DEVICE = Device("browser", "203.0.113.9", "")
GROUPS = [f"{number:04}-of-many-groups-of-a-large-organization" for number in range(300)]


@pytest.fixture
async def connection(school: School) -> SsoConnection:
    runtime = school.runtime
    draft = await sso_saml.prepared(
        runtime.assertions, school.organization.id, SamlDraft(metadata=metadata()), private=True
    )
    async with working(school) as work:
        made = await sso.create(
            work,
            runtime.keyring,
            SsoDraft(
                name="X", role_claim="groups", role_mappings=[RoleMapping(GROUPS[-1], "manager")], saml=draft
            ),
        )
        return await sso.tested(work, made)


def stranger(school: School) -> TenantContext:
    return TenantContext(organization=school.organization, actor=ANONYMOUS, request_id="x", deadline=None)


def where(school: School, connection: SsoConnection) -> Where:
    return Where(f"http://{school.host}", school.id(NodeKind.SSO_CONNECTION, connection))


async def test_a_cookie_holds_whoever_has_very_many_groups(school: School, connection: SsoConnection) -> None:
    here = where(school, connection)
    one = Said(ISSUER, connection.client_id, here.acs, "_q", name_id="x" * 255)
    one = changed(one, attributes={"mail": ["m@example.com"], "groups": GROUPS, "displayName": ["ü" * 5000]})
    said = response(signed(one.xml(), KEY), issuer=ISSUER, destination=here.acs, in_response_to="_q")
    passed = await saml_entrance.arrive(
        school.runtime.entrance, stranger(school), connection.id, posted(said), here, "/", DEVICE
    )
    assert len(passed) < 3800
    # of another request than this browser's
    with pytest.raises(SsoRefusedError) as refused:
        await saml_entrance.enter(
            school.runtime.entrance, stranger(school), connection.id, passed, "", DEVICE
        )
    assert refused.value.outcome == "wrong_state"


async def test_another_kind_of_connection_takes_no_answer(
    school: School, oidc_connection: SsoConnection
) -> None:
    entrance, context, here = school.runtime.entrance, stranger(school), where(school, oidc_connection)
    for id_ in (oidc_connection.id, new_id()):
        with pytest.raises(NotFoundError):
            await saml_entrance.arrive(entrance, context, id_, "x", here, "/", DEVICE)
        with pytest.raises(NotFoundError):
            await saml_entrance.enter(entrance, context, id_, "x", "", DEVICE)
        with pytest.raises(NotFoundError):
            await saml_entrance.metadata(entrance, context, id_, here)
