"""Reads a stream with httpx-sse: prints one line of JSON for each event, up to the end of the stream.

Usage: read_httpx_sse.py URL [METHOD]
"""

import json
import sys

import httpx
from httpx_sse import connect_sse

method = sys.argv[2] if len(sys.argv) > 2 else "GET"
with httpx.Client(timeout=20) as client, connect_sse(client, method, sys.argv[1]) as source:
    for event in source.iter_sse():
        print(json.dumps([event.event, event.id, event.data]), flush=True)
