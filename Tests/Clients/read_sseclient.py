"""Reads a stream with sseclient-py over requests: prints one line of JSON for each event, up to the end of the stream.

Usage: read_sseclient.py URL [METHOD]
"""

import json
import sys

import requests
import sseclient

method = sys.argv[2] if len(sys.argv) > 2 else "GET"
response = requests.request(method, sys.argv[1], stream=True, headers={"Accept": "text/event-stream"}, timeout=20)
response.raise_for_status()
for event in sseclient.SSEClient(response).events():
    print(json.dumps([event.event, event.id, event.data]), flush=True)
