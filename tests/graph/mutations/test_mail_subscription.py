from school import School

SET = """mutation ($input: SetMailSubscriptionInput!) { setMailSubscription(input: $input) {
  mailSubscriptions { topic subscribed } errors { code field } } }"""
MINE = "{ viewer { mailSubscriptions { topic subscribed } } }"


async def test_people_choose_which_e_mails_they_get(school: School) -> None:
    given = {"input": {"topic": "CERTIFICATES", "subscribed": False}}
    told = (await school.ask(SET, given, caller=school.learner)).data["setMailSubscription"]
    expected = [
        {"topic": "HEALTH_ALERTS", "subscribed": True},
        {"topic": "CERTIFICATES", "subscribed": False},
    ]
    assert told == {"mailSubscriptions": expected, "errors": []}
    mine = await school.ask(MINE, caller=school.learner)
    assert mine.data["viewer"]["mailSubscriptions"] == expected
    others = (await school.ask(MINE, caller=school.owner)).data["viewer"]["mailSubscriptions"]
    assert all(each["subscribed"] for each in others)
