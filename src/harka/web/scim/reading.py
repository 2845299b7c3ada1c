"""What a client sends, read by the models; whatever is wrong with it in SCIM's words."""

from collections.abc import Collection
from typing import Any, Final, TypeVar

from pydantic import BaseModel as Pydantic
from pydantic import ValidationError
from scim2_models import Context, Error, PatchOp, SCIMException
from scim2_models.base import BaseModel

from harka.codec import JsonDecodeError, from_json
from harka.errors import ScimRequestError, UnsupportedMediaTypeError
from harka.web.scim.models import POLICY

M = TypeVar("M", bound=BaseModel)

OURS: Final = frozenset({"id", "meta", "groups", "schemas"})
"""What a client says of these is passed over (RFC 7644, section 3.3)."""
_TYPES: Final = frozenset({"application/scim+json", "application/json", ""})


def read_object(body: bytes, content_type: str) -> dict[str, Any]:
    """Raise `UnsupportedMediaTypeError`; `ScimRequestError` for what is no object of JSON."""
    if content_type.partition(";")[0].strip().lower() not in _TYPES:
        raise UnsupportedMediaTypeError
    try:
        read = from_json(body)
    except JsonDecodeError:
        raise ScimRequestError("This is not JSON.", "invalidSyntax") from None
    return as_object(read)


def as_object(read: object) -> dict[str, Any]:
    if not isinstance(read, dict):
        raise ScimRequestError("This is no object of JSON.", "invalidSyntax")
    return read


def read_resource(model: type[M], given: dict[str, Any]) -> M:
    """A whole resource, without what is ours. Raise `ScimRequestError`."""
    said = {name: value for name, value in given.items() if name.lower() not in OURS}
    try:
        return model.model_validate(said, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=POLICY)
    except ValidationError as error:
        raise refused(error) from None


def patched(resource: M, given: dict[str, Any]) -> M:
    """The resource with the operations of a PATCH done to it. Raise `ScimRequestError`."""
    model: Any = PatchOp.__class_getitem__(type(resource))
    try:
        asked = model.model_validate(given, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY)
        asked.patch(resource, scim_policy=POLICY)
    except (ValidationError, SCIMException) as error:
        raise refused(error) from None
    return resource


def refused(error: ValidationError | SCIMException) -> ScimRequestError:
    """The first of what is wrong."""
    if isinstance(error, SCIMException):
        return ScimRequestError(str(error)[:300], error.scim_type or "invalidValue")
    first = Error.from_validation_errors(error)[0]
    return ScimRequestError((first.detail or "")[:300], first.scim_type or "invalidValue")


def plain(resource: Pydantic) -> dict[str, Any]:
    """As JSON has it, without what is not said."""
    told: dict[str, Any] = resource.model_dump()
    return told


def without(given: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}
