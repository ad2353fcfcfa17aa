"""People come in by invitation, are bound to what they may see, and are let out."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.utils import timezone

from tests.factories import PASSWORD, make_user
from tracker.accounts.invitations import accept, invite, open_invitation, renew, withdraw
from tracker.accounts.models import Binding, Role, User
from tracker.accounts.roles import DEFAULT_ROLES, ensure_roles
from tracker.accounts.services import bind, create_user, deactivate_user, reactivate_user
from tracker.lib.errors import Conflict, DomainError, NotFound

SHOW, OTHER_SHOW = uuid4(), uuid4()


def now():
    return timezone.now()


def test_an_address_is_one_person_however_it_is_spelled(tenant):
    create_user(email="Ann@acme.example", role="ops")

    with pytest.raises(Conflict) as refusal:
        create_user(email="ann@ACME.example", role="ops")

    assert refusal.value.code == "email_taken"


@pytest.mark.parametrize("password", ["short", "1234567890123", "password123", "ann@acme.example"])
def test_a_weak_password_is_refused(tenant, password):
    with pytest.raises(DomainError) as refusal:
        create_user(email="ann@acme.example", role="ops", password=password)

    assert refusal.value.code == "weak_password"


def test_a_role_that_is_not_there_is_refused_with_those_there_are(tenant):
    with pytest.raises(DomainError) as refusal:
        create_user(email="ann@acme.example", role="emperor")

    assert refusal.value.code == "unknown_role"
    assert refusal.value.details["roles"] == sorted(DEFAULT_ROLES)


def test_roles_that_administrators_changed_stay_changed(tenant):
    Role.objects.filter(code="salesperson").update(permissions=["deals.view_campaign"])

    ensure_roles()

    assert Role.objects.get(code="salesperson").permissions == ["deals.view_campaign"]


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("administrator", ["deals.delete_campaign", "accounts.add_invitation"], []),
        ("sales_manager", ["deals.force_campaign", "bookings.add_iobooking"], ["accounts.add_invitation"]),
        (
            "salesperson",
            ["deals.change_campaign", "bookings.export_pdf"],
            ["deals.delete_campaign", "automation.run_job"],
        ),
        ("creator", ["metrics.view_podcast"], ["deals.view_campaign", "bookings.change_iobooking"]),
        ("advertiser", ["matchmaking.view_match"], ["metrics.view_podcast", "deals.view_campaign"]),
        ("ops", ["automation.run_job", "etl.add_import"], ["bookings.add_iobooking", "deals.change_campaign"]),
    ],
)
def test_what_each_role_may_do(tenant, role, may, may_not):
    user = make_user(role=role)

    assert [one for one in may if not user.has_perm(one)] == []
    assert [one for one in may_not if user.has_perm(one)] == []


def test_a_bound_person_sees_what_they_are_bound_to_and_others_see_all(tenant):
    creator = make_user(role="creator", bindings={"podcast": [SHOW]})

    assert creator.bound_ids("podcast") == {SHOW}
    assert make_user(role="creator").bound_ids("podcast") == set()
    assert make_user(role="salesperson").bound_ids("podcast") is None


def test_binding_again_replaces_what_was_bound(tenant):
    creator = make_user(role="creator", bindings={"podcast": [SHOW]})

    bind(creator, {"podcast": [OTHER_SHOW]})
    bind(creator, {"podcast": [OTHER_SHOW]})

    assert creator.bound_ids("podcast") == {OTHER_SHOW}
    assert Binding.objects.count() == 1


def test_an_invited_person_chooses_a_password_and_is_bound_as_invited(tenant, administrator):
    _invitation, token = invite(
        email="cleo@show.example", role="creator", bindings={"podcast": [SHOW]}, by=administrator, at=now()
    )

    user = accept(token=token, password=PASSWORD, name="Cleo", at=now())

    assert (user.email, user.name, user.role_id, user.bound_ids("podcast")) == (
        "cleo@show.example",
        "Cleo",
        "creator",
        {SHOW},
    )
    assert user.check_password(PASSWORD)
    with pytest.raises(NotFound):
        accept(token=token, password=PASSWORD, at=now())


def test_an_invitation_ends_after_a_week_when_renewed_and_when_withdrawn(tenant, administrator):
    invitation, token = invite(email="a@b.example", role="ops", by=administrator, at=now())

    with pytest.raises(NotFound):
        open_invitation(token=token, at=now() + timedelta(days=7, seconds=1))
    fresh = renew(invitation=invitation, at=now())
    with pytest.raises(NotFound):
        open_invitation(token=token, at=now())
    assert open_invitation(token=fresh, at=now()) == invitation
    withdraw(invitation=invitation, at=now())
    with pytest.raises(NotFound):
        open_invitation(token=fresh, at=now())


def test_one_address_has_one_open_invitation(tenant, administrator):
    invite(email="a@b.example", role="ops", by=administrator, at=now())

    with pytest.raises(Conflict) as refusal:
        invite(email="A@b.example", role="ops", by=administrator, at=now())

    assert refusal.value.code == "already_invited"


def test_from_the_letter_into_the_house(client, administrator, login, client_of, tenant):
    login(client, administrator)
    role = {"email": "new@acme.example", "name": "New", "role": "salesperson"}

    sent = client.post("/admin/accounts/invitation/add/", role)
    link = re.search(r"http://acme\.localhost(\S+)", mail.outbox[0].body)
    guest = client_of(tenant)
    shown = guest.get(link[1])
    arrived = guest.post(link[1], {"name": "New Person", "password": PASSWORD})

    assert sent.status_code == 302
    assert shown.status_code == 200
    assert arrived.status_code == 302
    user = User.objects.get(email="new@acme.example")
    assert guest.session["_auth_user_id"] == str(user.pk)
    assert guest.get(link[1]).status_code == 404


def test_a_deactivated_person_is_out_at_once_and_may_be_let_in_again(client, salesperson, login):
    login(client, salesperson)
    assert client.get("/admin/").status_code == 200

    deactivate_user(user=salesperson)

    assert client.get("/admin/").status_code == 302
    assert Session.objects.count() == 0
    reactivate_user(user=salesperson)
    assert User.objects.get(pk=salesperson.pk).is_active
