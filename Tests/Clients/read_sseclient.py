"""Reads a stream with sseclient-py over requests: prints one line of JSON for each event, up to the end of the stream."""

import json
import sys

import requests
import sseclient

response = requests.get(sys.argv[1], stream=True, headers={"Accept": "text/event-stream"}, timeout=10)
response.raise_for_status()
# Left to itself, requests gathers 128 bytes of a body that is not chunked before it hands any of them on.
for event in sseclient.SSEClient(response.iter_content(chunk_size=1)).events():
    print(json.dumps([event.event, event.id, event.data]), flush=True)
