"""The job of a link that was asked for is sealed, done once, and puts in the e-mail."""

from academy import Academy
from harka.auth.password import hash_password
from harka.learning import password_request
from harka.queue.message import RESET_PASSWORD, SEND_MAIL
from harka.repositories import password as passwords
from harka.runtime import Runtime
from harka.worker.execution import Execution


async def test_the_link_and_its_email_are_put_in_together(runtime: Runtime, academy: Academy) -> None:
    person = await academy.user()
    async with academy.work() as work:
        await passwords.set_hash(work.session, person.id, hash_password("vexed kiln plumage 4"))
    await password_request.ask(runtime.entrance, academy.anonymous(), person.email, "203.0.113.7")
    execution = Execution(runtime)
    (run,) = (await execution.claim(academy.organization, 9)).runs
    await execution.run(academy.organization, run)
    jobs = {each["type"]: each for each in await academy.rows("job")}
    assert (jobs[RESET_PASSWORD]["state"], jobs[SEND_MAIL]["state"]) == ("done", "queued")
    assert all(each["payload"] == {} and each["sealed"] for each in jobs.values())
    (kept,) = await academy.rows("password_reset")
    assert kept["user_id"] == str(person.id)
