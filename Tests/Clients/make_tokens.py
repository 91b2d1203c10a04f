"""Makes keys and tokens as an issuer would.

Arguments: a folder, and claims in JSON, once for each token. Writes all keys to jwks.json in the folder, and the
public key for ES256 to es256.pem. Prints a JSON object: for each algorithm, its tokens.
"""

import json
import secrets
import sys

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

folder, claims = sys.argv[1], [json.loads(text) for text in sys.argv[2:]]
secret = secrets.token_bytes(64)
rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
keys = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    **{name: rsa_key for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]},
    **{name: secret for name in ["HS256", "HS384", "HS512"]},
}

jwks = []
for name, key in keys.items():
    public = key if isinstance(key, bytes) else key.public_key()
    jwk = json.loads(get_default_algorithms()[name].to_jwk(public))
    jwks.append({**jwk, "kid": name, "alg": name, "use": "sig"})
with open(f"{folder}/jwks.json", "w") as file:
    json.dump({"keys": jwks}, file)
with open(f"{folder}/es256.pem", "wb") as file:
    file.write(
        keys["ES256"].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))

print(json.dumps({
    name: [jwt.encode(each, key, algorithm=name, headers={"kid": name}) for each in claims]
    for name, key in keys.items()
}))
