from school import School

FIELDS = "id address host port startTls username verifiedAt failingSince error version"
SET = f"""mutation ($input: SetMailSenderInput!) {{ setMailSender(input: $input) {{
  mailSender {{ {FIELDS} }} job {{ id type state }} errors {{ code field }} }} }}"""
TEST = """mutation { testMailSender(input: {}) {
  mailSender { id } job { type } errors { code field } } }"""
DELETE = "mutation { deleteMailSender(input: {}) { deletedMailSenderId errors { code field } } }"
READ = f"{{ mailSender {{ {FIELDS} }} }}"
GIVEN = {
    "address": "hello@acme.example",
    "host": "smtp.acme.example",
    "username": "acme",
    "password": "brass otter",
}


async def test_a_server_of_ones_own_is_set_tried_read_and_taken_away(school: School) -> None:
    assert (await school.ask(READ, caller=school.owner)).data == {"mailSender": None}
    assert (await school.ask(TEST, caller=school.owner)).code == "NOT_FOUND"
    told = (await school.ask(SET, {"input": GIVEN}, caller=school.owner)).data["setMailSender"]
    made = told["mailSender"]
    assert (made["port"], made["startTls"], made["verifiedAt"], made["version"]) == (587, True, None, 1)
    assert (told["job"]["type"], told["job"]["state"]) == ("mail.send", "QUEUED")
    assert (await school.ask(READ, caller=school.owner)).data == {"mailSender": made}
    node = await school.ask(f'{{ node(id: "{made["id"]}") {{ id }} }}', caller=school.owner)
    assert node.data == {"node": {"id": made["id"]}}
    hidden = await school.ask(f'{{ node(id: "{made["id"]}") {{ id }} }}', caller=school.learner)
    assert hidden.data == {"node": None}
    stale = await school.ask(SET, {"input": {**GIVEN, "version": 9}}, caller=school.owner)
    assert stale.code == "CONFLICT"
    tested = (await school.ask(TEST, caller=school.owner)).data["testMailSender"]
    assert (tested["mailSender"], tested["job"]) == ({"id": made["id"]}, {"type": "mail.send"})
    gone = (await school.ask(DELETE, caller=school.owner)).data["deleteMailSender"]
    assert gone == {"deletedMailSenderId": made["id"], "errors": []}


async def test_it_is_for_who_may_change_the_organization(school: School) -> None:
    for text in (READ, TEST, DELETE):
        assert (await school.ask(text, caller=school.learner)).code == "FORBIDDEN"
    reply = await school.ask(SET, {"input": {**GIVEN, "address": "x"}}, caller=school.owner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "address")
