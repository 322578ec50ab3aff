#!/usr/bin/env python3
"""Checks the signature of an election certificate of a roster cluster with a stock JWT library (PyJWT), and says what that alone does not prove.

    python3 verify.py certificate.json keys.json --checksum HEX --cluster NAME [--min-term N]

certificate.json is what a node's GET /v1/certificate answers: {"certificate", "bundle"}. keys.json is a JWKS with the enclave's public
keys. It has to come from somewhere that you trust, such as `fumata verify` over evidence: keys that a node hands out prove nothing.

What is enough for: "an enclave with one of these keys named this leader for this term". A resource that must not obey a deposed leader, or one
that a broken enclave made up, needs the rest: `fumata verify` does it all, lib/certificate/standalone/fumata_verify.js does it in
JavaScript, and its source shows what to port.

Exit codes: 0 the signature and the claims are in order, 3 they are not, 77 PyJWT is not installed.
"""

import argparse
import json
import sys

try:
    import jwt
    from jwt.algorithms import RSAAlgorithm
except ImportError:
    print("skipped: PyJWT with cryptography is not installed (Debian: python3-jwt python3-cryptography)")
    sys.exit(77)

# What a signature alone leaves open. Each line is an attack that this program would not notice.
NOT_PROVEN = [
    "that a quorum voted for it: the bundle was not looked at, so the enclave alone could have made this up",
    "that the leader was drawn and not chosen: the draw was not recomputed from the beacon",
    "that the key was born in an enclave that runs this function: keys.json was believed",
    "that no later term exists: remember the greatest term durably and refuse lower ones before you act",
    "that whoever presents it is the leader: ask for a signature with the key in cnf",
]


def verify(document, jwks, checksum, cluster):
    """The claims of a certificate whose signature, type, issuer and audience are in order. Raises jwt.InvalidTokenError."""
    token = document["certificate"]
    header = jwt.get_unverified_header(token)
    # The type first: open clusters issue certificates with the same keys, and a partition of theirs may have two leaders.
    if header.get("typ") != "election+jwt":
        raise jwt.InvalidTokenError(f"the type is {header.get('typ')}, not election+jwt")
    matching = [key for key in jwks["keys"] if key_id(key) == header.get("kid")]
    if not matching:
        raise jwt.InvalidTokenError(f"the key {header.get('kid')} is not among those that are trusted")
    return jwt.decode(
        token,
        RSAAlgorithm.from_jwk(json.dumps(matching[0])),
        algorithms=["RS256"],  # fixed: never what the token asks for
        audience=cluster,
        issuer=f"fumata:{checksum}",
        options={"require": ["iss", "aud", "sub", "jti", "term", "iat"]},
    )


def key_id(jwk):
    """The RFC 7638 thumbprint: a kid says which key it is by itself, so a list cannot give a key another's name."""
    import base64
    import hashlib

    text = json.dumps({"e": jwk["e"], "kty": jwk["kty"], "n": jwk["n"]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("certificate")
    parser.add_argument("keys")
    parser.add_argument("--checksum", required=True)
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--min-term", type=int, default=1)
    arguments = parser.parse_args()
    with open(arguments.certificate) as file:
        document = json.load(file)
    with open(arguments.keys) as file:
        jwks = json.load(file)
    try:
        claims = verify(document, jwks, arguments.checksum, arguments.cluster)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        print(f"refused: {error}")
        return 3
    if claims["term"] < arguments.min_term:
        print(f"refused: term {claims['term']} is over")
        return 3
    print(f"signature valid: {claims['name']} leads {claims['aud']} in term {claims['term']}")
    for line in NOT_PROVEN:
        print(f"not proven: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
