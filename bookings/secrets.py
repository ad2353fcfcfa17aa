"""Secrets of private links: 256 random bits, shown once, kept as a hash."""

import hashlib
import secrets


def new_secret() -> tuple[str, str]:
    """Return (secret, hash): the secret goes into the link, the hash into the table."""
    secret = secrets.token_urlsafe(32)
    return secret, hash_of(secret)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
