"""Identity: a user is made, given tokens, and deleted; then what is refused."""

from email.utils import formatdate

from ..golden import Story
from ..plan import Plan

NOBODY = "8:acs:00000000-0000-4000-8000-000000000001_00000000-0000-4000-8000-000000000002"
REPEAT = "Repeatability-Request-ID"
FIRST_SENT = "Repeatability-First-Sent"


def tell(story: Story) -> None:
    create = story.contract.by_role["Create"]
    made = story.step("Create", **({"body": {}} if create.body else {})).json()
    user = made.get("identity", made)["id"]
    story.mask.name(user, "user")
    if create.body:
        with_tokens(story)
    tokens(story, user)
    if story.takes("Create", REPEAT):
        repeated(story, user)
    if story.has("ExchangeTeamsUserAccessToken"):
        exchange(story)
    refused(story, user)
    story.step("Delete", path=(user,))


def with_tokens(story: Story) -> None:
    asked: dict = {"createTokenWithScopes": ["chat", "voip"]}
    made = story.step("Create", "with a token", body=asked).json()
    story.mask.name(made["identity"]["id"], "second user")
    if story.contract.knows("CommunicationIdentityCreateRequest", "expiresInMinutes"):
        story.step("Create", "with a short token", body=asked | {"expiresInMinutes": 60})
        story.step("Create", "with too short a token", body=asked | {"expiresInMinutes": 59}, expect=400)
        story.step("Create", "with too long a token", body=asked | {"expiresInMinutes": 1441}, expect=400)
    story.step("Create", "with a scope of no version", body={"createTokenWithScopes": ["nonsense"]}, expect=400)


def tokens(story: Story, user: str) -> None:
    story.step("IssueAccessToken", path=(user,), body={"scopes": ["chat"]})
    # Scopes that came in 2023: whether a version knows them, its document says.
    scopes = story.contract.definitions.get("CommunicationIdentityTokenScope", {}).get("enum", [])
    for scope in ("chat.join", "chat.join.limited", "voip.join"):
        expect = 200 if scope in scopes else 400
        story.step("IssueAccessToken", f"for {scope}", path=(user,), body={"scopes": [scope]}, expect=expect)
    if story.contract.knows("CommunicationIdentityAccessTokenRequest", "expiresInMinutes"):
        story.step("IssueAccessToken", "for a day", path=(user,), body={"scopes": ["voip"], "expiresInMinutes": 1440})
        story.step(
            "IssueAccessToken",
            "for too long",
            path=(user,),
            body={"scopes": ["voip"], "expiresInMinutes": 1441},
            expect=400,
        )
    story.step("IssueAccessToken", "without scopes", path=(user,), body={}, expect=400)
    story.step("IssueAccessToken", "for nobody", path=(NOBODY,), body={"scopes": ["chat"]}, expect=404)
    if story.has("RevokeAccessTokens"):
        story.step("RevokeAccessTokens", path=(user,))
    if story.has("Update"):
        story.step("Update", path=(user,), body={"tokensValidFrom": "2020-10-30T10:50:50Z"})
        story.step("Update", "with no time", path=(user,), body={"tokensValidFrom": "yesterday"}, expect=400)


def repeated(story: Story, user: str) -> None:
    pair = {REPEAT: "11111111-1111-4111-8111-111111111111", FIRST_SENT: formatdate(usegmt=True)}
    first = story.step("Create", "repeatable", headers=pair, body={"createTokenWithScopes": ["chat"]}).json()
    story.mask.name(first["identity"]["id"], "repeated user")
    story.step("Create", "repeated", headers=pair, body={"createTokenWithScopes": ["chat"]})
    story.step("Create", "repeated with another body", headers=pair, body={}, expect=400)
    story.step("Create", "half repeatable", headers={REPEAT: pair[REPEAT]}, body={}, expect=400)
    story.step("Create", "repeatable since no time", headers=pair | {FIRST_SENT: "yesterday"}, body={}, expect=400)
    revoke = pair | {REPEAT: "22222222-2222-4222-8222-222222222222"}
    story.step("RevokeAccessTokens", "repeatable", path=(user,), headers=revoke)
    story.step("RevokeAccessTokens", "repeated", path=(user,), headers=revoke)
    story.step(
        "RevokeAccessTokens", "half repeatable", path=(user,), headers={FIRST_SENT: pair[FIRST_SENT]}, expect=400
    )


def exchange(story: Story) -> None:
    body = {"token": "nonsense", "appId": "application", "userId": "user"}
    story.step("ExchangeTeamsUserAccessToken", "of nobody's token", body=body, expect=401)
    story.step("ExchangeTeamsUserAccessToken", "without a token", body={}, expect=400)


def refused(story: Story, user: str) -> None:
    story.step("Create", "unsigned", proof="", expect=401)
    story.step("Delete", "unsigned", path=(user,), proof="", expect=401)
    story.step("Delete", "of what is no id", path=("nonsense",), expect=400)
    create = story.contract.by_role["Create"]
    story.keep(create, "without api-version", Plan(story.contract, create, "key"), 400, known_version=False)
