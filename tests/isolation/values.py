"""What a tenant itself would put in a place: a rightful value, which the application must accept."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from operations import Choose
from places import INSTEAD, NODE, Place, UnknownPlaceError
from worlds import CODES, PASSWORD, World

LOGO = b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"/>').decode()
# by the type of the value; all of them must be there: a new scalar needs a line
SCALARS: Mapping[str, Any] = {
    "Boolean": False,
    "DateTime": "2026-01-31T09:30:00Z",
    "Float": 0.5,
    "Int": 20,
    "String": "fresh",
}
# where that is refused: by coordinate (`Query.course(code:)`, `EnrollInput.courseId`), or else by name
OWN: Mapping[str, Any] = {
    "Query.course(code:)": CODES[0],
    # how every word begins that only one world has
    "Query.search(query:)": "canary",
    # all that a world has of anything, and no more than the plan's budget takes with all that is below it
    "first": 10,
    "Query.search(first:)": 20,
    "version": 1,
    "withProgress": True,
    "UpdateOrganizationInput.settings": {"theme": "dark"},
    "CreateBulkOperationInput.query": "{ courses { nodes { id title } } }",
    "CreateBulkOperationInput.variables": {},
    "AddDomainInput.name": "fresh.example.com",
    "CreateApiKeyInput.scopes": ["course:read"],
    "CreateApiKeyInput.networks": ["192.0.2.0/24"],
    "CreateApiKeyInput.expiresAt": "2099-01-31T09:30:00Z",
    "EnrollInput.expiresAt": "2099-01-31T09:30:00Z",
    "BulkEnrollInput.expiresAt": "2099-01-31T09:30:00Z",
    "SetMailSenderInput.address": "fresh@example.com",
    "SetMailSenderInput.host": "smtp.fresh.example",
    "SetMailSenderInput.port": 587,
    "RotateSsoKeyInput.switchAt": "2099-01-31T09:30:00Z",
    "CreateScimTokenInput.expiresAt": "2099-01-31T09:30:00Z",
    "CreateWebhookEndpointInput.scopes": ["event:read"],
    "UpdateWebhookEndpointInput.scopes": ["event:read"],
    "document": "query ($event: ID!) { event(id: $event) { id } }",
    "ChangePasswordInput.currentPassword": PASSWORD,
    "SetUpTotpInput.password": PASSWORD,
    "RemoveTotpInput.password": PASSWORD,
    "newPassword": "brass otter quilting 9",
    "password": "brass otter quilting 9",
    "primaryColor": "#1d4ed8",
    "secondaryColor": "#7c3aed",
    "logo": LOGO,
    "favicon": LOGO,
    # of the lesson that has content
    "DeleteLessonInput.version": 5,
    "MoveLessonInput.version": 5,
    "ReorderContentItemsInput.version": 5,
    "UpdateLessonInput.version": 5,
    # of the quiz that has a question
    "DeleteQuizInput.version": 2,
    "ReorderQuizQuestionsInput.version": 2,
    "UpdateQuizInput.version": 2,
    "allowedAttempts": 3,
    "passPercent": 50,
    "correctChoices": [0],
    "options": ["Fresh", "Stale"],
    "choices": [0],
    "withAttempts": True,
    "GradeSubmissionInput.version": 2,
    "mediaType": "text/plain",
    "MoveLessonInput.position": 0,
    "UpdateLearningPathInput.version": 2,
    "requiredCount": 1,
    "issuer": "https://login.example.com/fresh",
    "url": "https://example.com/fresh",
    "permissions": ["course:read"],
    "cron": "30 3 * * *",
    "email": "fresh@example.com",
    "locale": "pt-BR",
    "timezone": "Europe/Berlin",
}


def own_value(world: World, at: Place | None = None) -> Choose:
    """What `world` chooses for its places, such that the place `at` is reached."""

    def choose(place: Place) -> Any:
        instead = INSTEAD.get(at.coordinate, {}) if at is not None else {}
        if place.coordinate in instead:
            return instead[place.coordinate]
        if place.coordinate in world.fitting:
            known = world.fitting[place.coordinate]
            # what is good for a moment only is made in that moment
            return known() if callable(known) else known
        if place.noun == NODE:
            return [*world.own.values()] if place.is_list else world.id_of((at and at.within) or NODE)
        if place.is_id:
            return world.id_of(place.noun)
        if place.choices:
            return place.choices[0]
        known = OWN.get(place.coordinate, OWN.get(place.name, SCALARS.get(place.type.name)))
        if known is None:
            raise UnknownPlaceError(
                f"{place.coordinate} takes a {place.type.name}, and nobody knows one: "
                "add it to SCALARS or to OWN in tests/isolation/values.py"
            )
        return known

    return choose


def own_ids(world: World, place: Place) -> list[Any]:
    """Every rightful id of the place; or all of them at once, where that is what fits."""
    if place.coordinate in world.fitting:
        return [world.fitting[place.coordinate]]
    return [*world.own.values()] if place.noun == NODE else [world.id_of(place.noun)]


def own_filters(world: World, others: Sequence[World], place: Place) -> list[Any]:
    """Values of a place that narrows what is listed; of a text also words that only `others` have."""
    if place.choices:
        return [*place.choices]
    own = own_value(world)(place)
    return [own, *(other.canary for other in others)] if isinstance(own, str) else [own]
