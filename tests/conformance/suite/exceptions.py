"""Requests that a document forbids and that are answered all the same: exceptions.toml says which and why."""

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from .contract import matches

FILE = Path(__file__).resolve().parents[1] / "exceptions.toml"


@dataclass
class Rule:
    mutation: str  # a pattern over the mutation's name
    reason: str
    where: str = "*/*"  # a pattern over service/version
    operation: str = "*"  # a pattern over the operation's role
    used: int = field(default=0)

    def covers(self, service: str, version: str, role: str, mutation: str) -> bool:
        return (
            matches(service, version, self.where)
            and fnmatchcase(role, self.operation)
            and fnmatchcase(mutation, self.mutation)
        )


def load() -> list[Rule]:
    return [Rule(**entry) for entry in tomllib.loads(FILE.read_text()).get("exception", [])]
