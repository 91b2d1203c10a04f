"""Reads a stream with urllib3: prints one line of JSON for each piece of the body, as it comes.

Usage: read_urllib3.py URL [METHOD]
"""

import json
import sys

import urllib3

method = sys.argv[2] if len(sys.argv) > 2 else "GET"
response = urllib3.PoolManager().request(method, sys.argv[1], preload_content=False, timeout=20)
for piece in response.stream(65536):
    print(json.dumps([None, None, piece.decode()]), flush=True)
