"""Every write about people and keys of the entered tenant."""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tracker.accounts.models import ApiKey, Binding, Role, User
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError
from tracker.lib.rows import Rows

KEY_MARK = "pst"
# Each call of a program begins with it.
_KEY = Rows(
    "SELECT {found}, {role} FROM api_keys AS found JOIN roles AS role ON role.code = found.role_id WHERE prefix = %s",
    found=ApiKey,
    role=Role,
)

Bindings = Mapping[str, Iterable[uuid.UUID]]


def role_named(code: str) -> Role:
    """Return a role by its code. Raises DomainError("unknown_role") that lists those there are."""
    role = Role.objects.filter(code=code).first()
    if role is None:
        known = sorted(Role.objects.values_list("code", flat=True))
        raise DomainError("unknown_role", _("There is no role called %(code)s.") % {"code": code}, roles=known)
    return role


@transaction.atomic
def create_user(
    *, email: str, role: str, name: str = "", password: str | None = None, bindings: Bindings | None = None
) -> User:
    """Make a person of the entered tenant. Without a password they come in by an invitation or a reset.

    Raises Conflict("email_taken"), DomainError("unknown_role"), DomainError("weak_password").
    """
    user = User(email=User.objects.normalize_email(email), name=name, role=role_named(role))
    if password is None:
        user.set_unusable_password()
    else:
        _check_password(password, user)
        user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise Conflict(
            "email_taken", _("Somebody with the address %(email)s is here already.") % {"email": email}
        ) from error
    bind(user, bindings or {})
    return user


@transaction.atomic
def bind(principal: User | ApiKey, bindings: Bindings) -> None:
    """Bind a person or a key to objects: {"podcast": [ids], "sponsor": [ids]}. Bindings not named here go."""
    mine = {"user": principal} if isinstance(principal, User) else {"key": principal}
    wanted = {(kind, object_id) for kind, ids in bindings.items() for object_id in ids}
    for binding in Binding.objects.filter(**mine):
        if (binding.kind, binding.object_id) in wanted:
            wanted.discard((binding.kind, binding.object_id))
        else:
            binding.delete()
    for kind, object_id in sorted(wanted, key=str):
        Binding.objects.create(kind=kind, object_id=object_id, **mine)
    vars(principal).pop("_bound_ids", None)


@transaction.atomic
def deactivate_user(*, user: User) -> None:
    """Close a person's way in: no sign-in any more, and every session they have ends now."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    end_sessions(user=user)


@transaction.atomic
def reactivate_user(*, user: User) -> None:
    """Let a deactivated person in again, with the password they had."""
    user.is_active = True
    user.save(update_fields=["is_active"])


def end_sessions(*, user: User, but: str | None = None) -> int:
    """End the sessions of a person, save the one whose key is `but`. Returns how many ended."""
    ended = 0
    for session in Session.objects.exclude(session_key=but):
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
            ended += 1
    return ended


@transaction.atomic
def create_api_key(
    *,
    name: str,
    scopes: Iterable[str],
    role: str,
    by: HasActor | Actor,
    at: datetime,
    bindings: Bindings | None = None,
    expires_at: datetime | None = None,
    allowed_networks: Iterable[str] = (),
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret text, which is shown this once and never again."""
    prefix = secrets.token_hex(4)
    secret = f"{KEY_MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        key_hash=hash_secret(secret),
        role=role_named(role),
        scopes=sorted(set(scopes)),
        allowed_networks=list(allowed_networks),
        created_at=at,
        created_by=actor_of(by).as_json(),
        expires_at=expires_at,
    )
    bind(key, bindings or {})
    return key, secret


def find_api_key(secret: str) -> ApiKey | None:
    """Return the key of this tenant whose secret this is, expired and revoked ones included, or None."""
    mark, _underscore, rest = secret.partition("_")
    prefix = rest.partition("_")[0]
    if mark != KEY_MARK or not prefix.isalnum() or not prefix.isascii():
        return None
    row = _KEY.first([prefix])
    if row is None:
        return None
    key, role = row
    if not hmac.compare_digest(key.key_hash, hash_secret(secret)):
        return None
    key.role = role
    return key


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret of at least 256 random bits, which needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError("weak_password", " ".join(error.messages)) from error
