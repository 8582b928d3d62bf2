"""Who may listen, and that nobody hears more than that."""

import base64
import json

from runner.check import Group, expect
from runner.rest import HERE, User
from runner.stream import PATH, Stream, kinds

from .streams import refused

GROUP = Group()


def altered(token: str) -> str:
    """The token with another user in it: its signature does not hold."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["skypeid"] = claims["skypeid"][:-1] + ("0" if claims["skypeid"][-1] != "0" else "1")
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{text}.{signature}"


@GROUP.check("access: no token, a forged one, a key that does not fit: 401; without chat: 403")
def refusals() -> None:
    ann = User.create("Ann")
    refused(401, {}, code="Unauthorized")
    refused(401, {"Authorization": "Bearer nonsense"}, code="Unauthorized")
    refused(401, {"Authorization": f"Bearer {altered(ann.token)}"}, code="Unauthorized")
    refused(401, {}, {"token": ann.token, "access_token": ann.token}, code="Unauthorized")
    other_key = base64.b64encode(bytes(64)).decode()
    refused(401, HERE.signed("GET", PATH, key=other_key), code="Unauthorized")
    # A signature covers the query.
    refused(401, HERE.signed("GET", PATH), {"thread": ann.create_thread("x")}, code="Unauthorized")
    refused(401, HERE.signed("POST", PATH), code="Unauthorized")
    refused(403, User.create("Caller", ("voip",)), code="Forbidden")
    ann.revoke()
    refused(401, ann, code="Unauthorized")


@GROUP.check("access: a user hears of no thread that the user is not in")
def strangers() -> None:
    ann, stranger = User.create("Ann"), User.create("Stranger")
    own = stranger.create_thread("Own")
    with Stream(stranger) as stream:
        stream.start()
        thread = ann.create_thread("Foreign")
        ann.send(thread, "Foreign")
        ann.type(thread)
        last = stranger.send(own, "Own")
        told = kinds(stream.until(own, last))
        expect(told == ["ChatMessageReceived"], f"told {told}")


@GROUP.check("access: a resource's key hears all of its threads, and of no other resource")
def resources() -> None:
    HERE.admin("POST", "/resources", {"name": "other"})
    try:
        key = HERE.admin("GET", "/resources/other/keys")["primaryKey"]
        host = f"other.localhost:{HERE.where.port}"
        ann, zoe = User.create("Ann"), User.create_in("other", "Zoe")
        ours, theirs = ann.create_thread("Ours"), zoe.create_thread("Theirs")
        with (
            Stream(HERE.signed("GET", PATH)) as own,
            Stream(HERE.signed("GET", PATH, key=key, host=host)) as other,
            Stream(HERE.operator, {"resource": "other"}) as by_admin,
            Stream(HERE.operator) as by_default,
            Stream(zoe) as user,
        ):
            for stream in (own, other, by_admin, by_default, user):
                stream.start()
            first = zoe.send(theirs, "Theirs")
            second = ann.send(ours, "Ours")
            last = zoe.send(theirs, "Last")
            for stream in (own, by_default):
                # The default resource has whatever the other checks do at the time.
                events = stream.until(ours, second)
                expect(all(event["data"].get("threadId") != theirs for event in events), "of another resource")
                expect(not any(event["source"].endswith("/other") for event in events), "of another resource")
            for stream in (other, by_admin, user):
                events = stream.until(theirs, last)
                told = [event["data"]["messageId"] for event in events]
                expect(told == [first, last], f"told {told}, not {[first, last]}")
                expect(all(event["source"].endswith("/other") for event in events), events[0]["source"])
        refused(401, HERE.signed("GET", PATH, key=key), code="Unauthorized")
    finally:
        HERE.admin("DELETE", "/resources/other")


@GROUP.check("access: the admin token hears a user as the user does")
def admin_as_user() -> None:
    ann, bob = User.create("Ann"), User.create("Bob")
    thread = ann.create_thread("Watched", bob)
    with Stream(bob) as own, Stream(HERE.operator, {"user": bob.id}) as watched:
        for stream in (own, watched):
            stream.start()
        last = ann.send(thread, "x")
        expect(own.until(thread, last) == watched.until(thread, last), "they differ")
    refused(400, HERE.operator, {"user": "nonsense"}, code="BadRequest")
    refused(404, HERE.operator, {"resource": "nowhere"}, code="NotFound")
    # Nobody else asks in another's name.
    refused(403, bob, {"user": ann.id}, code="Forbidden")
    refused(403, HERE.signed("GET", f"{PATH}?resource=dev"), {"resource": "dev"}, code="Forbidden")


@GROUP.check("access: a page of another origin may ask")
def browsers() -> None:
    ann = User.create("Ann")
    with Stream(ann, headers={"Origin": "https://page.example"}) as stream:
        allowed = stream.answer.headers["Access-Control-Allow-Origin"]
        expect(allowed in ("*", "https://page.example"), f"Access-Control-Allow-Origin is {allowed}")
    wire = HERE.connection()
    wire.request("OPTIONS", PATH, headers={
        "Origin": "https://page.example", "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,last-event-id",
    })
    answer = wire.getresponse()
    headers = (answer.headers["Access-Control-Allow-Headers"] or "").lower()
    expect(answer.status in (200, 204), answer.status)
    expect("authorization" in headers and "last-event-id" in headers, headers)
    wire.close()
