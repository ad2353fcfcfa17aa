"""Coming in: an administrator invites, the person chooses a password, once and within a week."""

import secrets
import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tracker.accounts.models import Invitation, User
from tracker.accounts.services import Bindings, create_user, hash_secret, role_named
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, NotFound

VALID_FOR = timedelta(days=7)


@transaction.atomic
def invite(
    *, email: str, role: str, by: HasActor | Actor, at: datetime, name: str = "", bindings: Bindings | None = None
) -> tuple[Invitation, str]:
    """Invite a person and return the invitation with its token, which travels in the mail and is kept as a hash.

    Raises Conflict("email_taken") and Conflict("already_invited").
    """
    if User.objects.filter(email__iexact=email).exists():
        raise Conflict("email_taken", _("Somebody with the address %(email)s is here already.") % {"email": email})
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        email=User.objects.normalize_email(email),
        name=name,
        role=role_named(role),
        bindings=[
            {"kind": kind, "object_id": str(one)} for kind, ids in (bindings or {}).items() for one in sorted(ids)
        ],
        token_hash=hash_secret(token),
        invited_by=actor_of(by).as_json(),
        invited_at=at,
        expires_at=at + VALID_FOR,
    )
    try:
        with transaction.atomic():
            invitation.save()
    except IntegrityError as error:
        message = _("%(email)s has an open invitation. Withdraw it first, or send it again.") % {"email": email}
        raise Conflict("already_invited", message) from error
    return invitation, token


@transaction.atomic
def renew(*, invitation: Invitation, at: datetime) -> str:
    """Give an open invitation a fresh token and week, and return the token; the old one opens nothing any more."""
    invitation = _open_for_update(invitation.pk)
    token = secrets.token_urlsafe(32)
    invitation.token_hash = hash_secret(token)
    invitation.expires_at = at + VALID_FOR
    invitation.save(update_fields=["token_hash", "expires_at"])
    return token


@transaction.atomic
def withdraw(*, invitation: Invitation, at: datetime) -> None:
    """Make an open invitation worthless."""
    invitation = _open_for_update(invitation.pk)
    invitation.withdrawn_at = at
    invitation.save(update_fields=["withdrawn_at"])


def open_invitation(*, token: str, at: datetime) -> Invitation:
    """Return the invitation of a token. Raises NotFound("invitation_gone") when it is used, withdrawn or too old."""
    open_ones = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=at)
    found = open_ones.select_related("role").filter(token_hash=hash_secret(token)).first()
    if found is None:
        raise NotFound("invitation_gone", _("This invitation is not valid any more. Ask for a new one."))
    return found


@transaction.atomic
def accept(*, token: str, password: str, at: datetime, name: str = "") -> User:
    """Make the invited person with the password they chose, bound as the invitation says.

    Raises NotFound("invitation_gone"), DomainError("weak_password"), Conflict("email_taken").
    """
    invitation = _open_for_update(open_invitation(token=token, at=at).pk)
    bindings: dict[str, list] = {}
    for binding in invitation.bindings:
        bindings.setdefault(binding["kind"], []).append(binding["object_id"])
    user = create_user(
        email=invitation.email,
        role=invitation.role_id,
        name=name or invitation.name,
        password=password,
        bindings=bindings,
    )
    invitation.accepted_at = at
    invitation.save(update_fields=["accepted_at"])
    return user


def _open_for_update(pk: uuid.UUID) -> Invitation:
    found = Invitation.objects.select_for_update().filter(pk=pk, accepted_at=None, withdrawn_at=None).first()
    if found is None:
        raise NotFound("invitation_gone", _("This invitation is not valid any more. Ask for a new one."))
    return found
