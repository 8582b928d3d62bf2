"""The packages' own names, wherever the installed releases keep them."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

CHAT = version("azure-communication-chat")
# Participants came with 1.0.0b4; 1.0.0 renamed much. betas.py translates.
BETA = CHAT in ("1.0.0b4", "1.0.0b5")


def first_of(*places: str) -> Any:
    """The first of these names that is there."""
    for place in places:
        module, _, name = place.rpartition(".")
        try:
            return getattr(import_module(module), name)
        except AttributeError:
            continue
        except ModuleNotFoundError as error:
            # A package that misses one of its own dependencies has to say so.
            if not place.startswith(error.name):
                raise
    raise ImportError(f"none of {places} is there")


def identity(place: str) -> Any:
    """Until February 2021 identities were in the administration package."""
    return first_of(f"azure.communication.identity{place}", f"azure.communication.administration{place}")


def credential(place: str, file: str) -> Any:
    """Chat 1.0.0b5 exports none. Its README takes the identity package's, whose
    token expires at a datetime, and azure-core fails to calculate with that on a
    client's second request. Its own, which it hides, is right."""
    name = "CommunicationTokenCredential"
    return first_of(f"azure.communication.chat{place}.{name}", f"azure.communication.chat._shared.{file}.{name}")


ChatClient = first_of("azure.communication.chat.ChatClient")
AioChatClient = first_of("azure.communication.chat.aio.ChatClient")
IdentityClient = identity(".CommunicationIdentityClient")
AioIdentityClient = identity(".aio.CommunicationIdentityClient")
TokenCredential = credential("", "user_credential")
AioTokenCredential = credential(".aio", "user_credential_async")
ChatParticipant = first_of("azure.communication.chat.ChatParticipant", "azure.communication.chat.ChatThreadParticipant")
UserIdentifier = first_of(
    "azure.communication.chat.CommunicationUserIdentifier", "azure.communication.identity.CommunicationUserIdentifier"
)
if BETA:
    RefreshOptions = first_of(
        "azure.communication.chat.CommunicationTokenRefreshOptions",
        "azure.communication.chat._shared.user_token_refresh_options.CommunicationTokenRefreshOptions",
    )


def id_of(user: Any) -> str:
    """A user's id as a package made it: a plain one before 1.0.0."""
    return user.identifier if hasattr(user, "identifier") else user.properties["id"]


def participant(user: Any, **more: Any) -> Any:
    return ChatParticipant(**{"user" if BETA else "identifier": user}, **more)


def token_credential(token: str, aio: bool) -> Any:
    kind = AioTokenCredential if aio else TokenCredential
    return kind(RefreshOptions(token)) if BETA else kind(token)
