"""What this server says that it can do."""

import pytest

from harka.errors import NotFoundError
from harka.web.scim import discovery, models
from harka.web.scim.person import CORE, ENTERPRISE

BASE = "https://a.example/scim/v2"


def test_the_schemas_are_those_of_what_is_told() -> None:
    listed = discovery.found("Schemas", None, BASE, 10)
    assert [each["id"] for each in listed["Resources"]] == [CORE, ENTERPRISE, models.CORE_GROUP]
    person = discovery.found("Schemas", CORE, BASE, 10)
    assert person["meta"]["location"] == f"{BASE}/Schemas/{CORE}"
    required = {each["name"] for each in person["attributes"] if each["required"]}
    assert required == {"userName", "active", "emails"}
    assert all(each["description"] for each in person["attributes"])
    assert "password" not in {each["name"] for each in person["attributes"]}


def test_there_are_two_types_and_one_of_them_is_extended() -> None:
    listed = discovery.found("ResourceTypes", None, BASE, 10)
    assert [(each["id"], each["endpoint"]) for each in listed["Resources"]] == [
        ("User", "/Users"),
        ("Group", "/Groups"),
    ]
    person = discovery.found("ResourceTypes", "User", BASE, 10)
    assert person["schemaExtensions"] == [{"schema": ENTERPRISE, "required": False}]


def test_bounds_are_told() -> None:
    config = discovery.found("ServiceProviderConfig", None, BASE, 2048)
    assert config["bulk"] == {"supported": True, "maxOperations": 1000, "maxPayloadSize": 2048}
    assert config["filter"] == {"supported": True, "maxResults": 200}
    assert (config["changePassword"]["supported"], config["etag"]["supported"]) == (False, True)


@pytest.mark.parametrize("place", ["ServiceProviderConfig", "ResourceTypes", "Schemas"])
def test_what_there_is_not_is_not_found(place: str) -> None:
    with pytest.raises(NotFoundError):
        discovery.found(place, "nothing", BASE, 10)
