"""A request before it is written down, so that one part of it can be made wrong."""

import copy
import json
from dataclasses import dataclass, field
from urllib.parse import quote

from .contract import Contract, Operation
from .wire import Request

NOTHING = object()


@dataclass
class Plan:
    contract: Contract
    operation: Operation
    proof: str
    path: dict[str, str] = field(default_factory=dict)
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    # A value to be written as JSON, bytes to be sent as they are, or nothing.
    body: object = NOTHING
    method: str = ""
    # Parameters of the path that are written as they stand.
    raw: bool = False

    def copy(self) -> "Plan":
        twin = copy.copy(self)
        twin.path, twin.query, twin.headers = dict(self.path), list(self.query), dict(self.headers)
        twin.body = copy.deepcopy(self.body) if self.body is not NOTHING else NOTHING
        return twin

    def set_query(self, name: str, value: str | None) -> None:
        self.query = [(key, old) for key, old in self.query if key != name]
        if value is not None:
            self.query.append((name, value))

    def request(self) -> Request:
        path = self.operation.path
        for name, value in self.path.items():
            path = path.replace("{" + name + "}", value if self.raw else quote(value, safe=""))
        query = "&".join(f"{quote(name, safe='-')}={quote(value, safe='')}" for name, value in self.query)
        body = b""
        if isinstance(self.body, bytes):
            body = self.body
        elif self.body is not NOTHING:
            # As most clients write it; lone surrogates cannot be written in UTF-8, so they stay escaped.
            body = json.dumps(self.body).encode()
        target = path + (f"?{query}" if query else "")
        return Request(self.method or self.operation.method, target, body, dict(self.headers), self.proof)
