#!/usr/bin/env python3
"""Prints the thread-level events of a whole resource, with its access key; after a break it goes on.

SAMBAND_ENDPOINT and SAMBAND_ACCESS_KEY say where and with what; Python's standard library is enough.
"""

import base64
import email.utils
import hashlib
import hmac
import http.client
import os
import sys
import time
import urllib.error
import urllib.request

ENDPOINT = os.environ["SAMBAND_ENDPOINT"]
KEY = base64.b64decode(os.environ["SAMBAND_ACCESS_KEY"])
PATH = "/_samband/v1/events"


def signed() -> dict[str, str]:
    """The headers of a request without a body; the server takes the signature for 15 minutes."""
    date = email.utils.formatdate(usegmt=True)
    nothing = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    text = f"GET\n{PATH}\n{date};{ENDPOINT.partition('://')[2]};{nothing}"
    signature = base64.b64encode(hmac.digest(KEY, text.encode(), "sha256")).decode()
    proof = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
    return {"Authorization": proof, "x-ms-date": date, "x-ms-content-sha256": nothing}


position = {}
while True:
    try:
        request = urllib.request.Request(ENDPOINT + PATH, headers=signed() | position)
        # The server says something every 15 s: longer silence is a dead connection.
        with urllib.request.urlopen(request, timeout=30) as stream:
            event = {}
            for line in stream:
                field, _, value = line.decode(errors="replace").rstrip("\n").partition(": ")
                if field:
                    event[field] = value
                    continue
                # An empty line ends the event. One that a break cuts short is sent again.
                if "data" in event:
                    print(event["data"], flush=True)
                if "id" in event:
                    position = {"Last-Event-ID": event["id"]}
                event = {}
    except urllib.error.HTTPError as error:
        if error.code == 410:  # Away for too long: list the messages anew here.
            position = {}
        elif error.code < 500:
            sys.exit(error.read().decode())
    except (OSError, http.client.HTTPException) as broken:
        print(broken, file=sys.stderr)
    time.sleep(1)
