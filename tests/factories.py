"""Plain functions that build data with honest defaults. Each app's owner adds those of its models.

A test spells out what it is about; the rest comes from here.
"""

import itertools

from tracker.accounts.models import User
from tracker.accounts.services import create_user

PASSWORD = "a long enough password"

_count = itertools.count(1)


def make_user(*, role: str = "salesperson", email: str = "", name: str = "", bindings=None, **fields) -> User:
    """Make a person of the entered tenant who signs in with PASSWORD."""
    number = next(_count)
    user = create_user(
        email=email or f"{role}{number}@acme.example",
        role=role,
        name=name or f"{role.replace('_', ' ').title()} {number}",
        password=PASSWORD,
        bindings=bindings,
    )
    if fields:
        User.objects.filter(pk=user.pk).update(**fields)
        user.refresh_from_db()
    return user
