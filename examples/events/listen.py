#!/usr/bin/env python3
"""Prints a user's events, each as JSON on a line of its own; after a break it goes on where it was.

SAMBAND_ENDPOINT and SAMBAND_TOKEN say where and as whom; Python's standard library is enough.
"""

import http.client
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["SAMBAND_ENDPOINT"] + "/_samband/v1/events"
headers = {"Authorization": "Bearer " + os.environ["SAMBAND_TOKEN"]}

while True:
    try:
        # The server says something every 15 s: longer silence is a dead connection.
        with urllib.request.urlopen(urllib.request.Request(URL, headers=headers), timeout=30) as stream:
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
                    headers["Last-Event-ID"] = event["id"]
                event = {}
    except urllib.error.HTTPError as error:
        if error.code == 410:  # Away for too long: list the messages anew here.
            headers.pop("Last-Event-ID", None)
        elif error.code < 500:
            sys.exit(error.read().decode())
    except (OSError, http.client.HTTPException) as broken:
        print(broken, file=sys.stderr)
    time.sleep(1)
