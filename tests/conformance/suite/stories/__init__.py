"""What is asked for the golden answers, one story for each service."""

from . import chat, identity

TELLERS = {"chat": chat.tell, "identity": identity.tell}
