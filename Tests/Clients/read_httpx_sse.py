"""Reads a stream with httpx-sse: prints one line of JSON for each event, up to the end of the stream."""

import json
import sys

import httpx
from httpx_sse import connect_sse

with httpx.Client(timeout=10) as client, connect_sse(client, "GET", sys.argv[1]) as source:
    for event in source.iter_sse():
        print(json.dumps([event.event, event.id, event.data]), flush=True)
