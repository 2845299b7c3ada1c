"""A partner's program with `gql`: a course, its learners, progress over a socket, a batch, a certificate."""

import asyncio
import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

URL = os.environ.get("HARKA_URL", "http://127.0.0.1:8000/graphql")
KEY = os.environ.get("HARKA_KEY") or sys.exit("HARKA_KEY: an API key that may do everything")
HEADERS = {"x-api-key": KEY, "x-client-name": "example-python"}
DOCUMENTS = (Path(__file__).parents[1] / "operations.graphql").read_text()


def request(operation: str, **variables: Any) -> GraphQLRequest:
    return GraphQLRequest(DOCUMENTS, variable_values=variables, operation_name=operation)


def done(answer: dict[str, Any]) -> Any:
    """The payload of a mutation that was done: what the user could mend is no surprise for a script."""
    (payload,) = answer.values()
    if payload["errors"]:
        raise SystemExit(f"refused: {payload['errors']}")
    return payload


async def enroll_everybody(http: Any, course: str) -> int:
    """How many came in. More than a thousand people are enrolled by a job."""
    everybody = {"courseId": course, "filter": {"role": "LEARNER"}, "onError": "IGNORE_FAILED"}
    told = done(await http.execute(request("EnrollEverybody", input=everybody)))
    if job := told["bulkChange"]:
        told = {"state": "QUEUED"}
        while told["state"] in {"QUEUED", "RUNNING"}:
            await asyncio.sleep(0.5)
            told = (await http.execute(request("WhatBecameOf", change=job["id"])))["bulkChange"]
    created: int = told["created"]
    return created


async def learn(http: Any, socket: Any) -> None:
    code = f"PY-{secrets.token_hex(4)}"
    lessons = [{"title": "Read this"}, {"title": "Then this"}]
    draft = {
        "code": code,
        "title": "Python and HARKA",
        "awardsCertificate": True,
        "modules": [{"title": "All of it", "lessons": lessons}],
    }
    course = done(await http.execute(request("WriteCourse", input=draft)))["course"]
    first, second = course["modules"][0]["lessons"]
    done(await http.execute(request("OpenCourse", input={"id": course["id"]})))
    print(f"course {code} is open")

    print(f"{await enroll_everybody(http, course['id'])} learners enrolled")
    page = await http.execute(request("Participants", courseId=course["id"], first=2))
    one, other = page["enrollments"]["nodes"]

    events = socket.subscribe(request("FollowCourse", courseId=course["id"]))
    heard = asyncio.ensure_future(anext(events))
    # the server says when a socket is open, not when a subscription is: until the event is there, study on
    for percent in range(1, 101):
        entry = {"enrollmentId": one["id"], "lessonId": first["id"], "fraction": percent / 100}
        done(await http.execute(request("Study", input=entry)))
        if heard.done():
            break
    told = (await heard)["progressChanged"]["enrollment"]
    print(f"heard over the socket: {told['user']['name']} has done {told['progress']:.1%}")
    await events.aclose()

    # what a device kept while it had no network, sent twice, as after a lost answer
    now = datetime.now(UTC)
    entries = [
        {
            "clientId": f"entry-{number}",
            "enrollmentId": other["id"],
            "lessonId": lesson["id"],
            "fraction": 1.0,
            "occurredAt": (now - timedelta(hours=2 - number)).isoformat(),
        }
        for number, lesson in enumerate((first, second))
    ]
    for attempt in (1, 2):
        batch = done(await http.execute(request("SynchronizeOffline", input={"entries": entries})))
        changed = sum(result["changed"] for result in batch["results"])
        print(f"offline batch, attempt {attempt}: {changed} of {len(entries)} were news")

    of = {"userId": other["user"]["id"], "courseId": course["id"]}
    (certificate,) = (await http.execute(request("Certificates", **of)))["certificates"]["nodes"]
    # whoever is shown one may ask this, at the organization's address, without a key
    verified = (await http.execute(request("Verify", serial=certificate["serial"])))["verifyCertificate"]
    print(f"certificate of {verified['holderName']} for {verified['title']!r}: {verified['state']}")


async def main() -> None:
    socket_url = URL.replace("http", "ws", 1)
    async with (
        Client(transport=HTTPXAsyncTransport(url=URL, headers=HEADERS)) as http,
        Client(transport=WebsocketsTransport(url=socket_url, init_payload=HEADERS)) as socket,
    ):
        await learn(http, socket)


if __name__ == "__main__":
    asyncio.run(main())
