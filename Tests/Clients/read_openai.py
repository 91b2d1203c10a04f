"""Asks for a completion, streamed, with the OpenAI library: prints one line of JSON for each piece of the answer.

Usage: read_openai.py URL, where URL/chat/completions is the route.
"""

import json
import sys

from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=20)
answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], stream=True)
for piece in answer:
    print(json.dumps([None, None, piece.choices[0].delta.content]), flush=True)
