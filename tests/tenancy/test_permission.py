from harka.tenancy.permission import EVERY_PERMISSION, Permission


def test_stored_scopes_keep_their_names() -> None:
    # these stand in control.api_key.scopes: add to the list, never rename
    names = {
        "organization:read",
        "user:read",
        "user:write",
        "course:read",
        "course:write",
        "enrollment:read",
        "enrollment:write",
        "progress:write",
    }
    assert names <= {permission.value for permission in Permission}


def test_every_permission_is_every_one() -> None:
    assert set(Permission) == EVERY_PERMISSION
