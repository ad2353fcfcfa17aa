"""Signing in, signing out, forgetting a password, and guessing one."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django_tenants.utils import tenant_context

from tests.factories import PASSWORD, make_user
from tracker.accounts.models import User

LOGIN = "/accounts/login/"


def sign_in(client, email, password=PASSWORD, **extra):
    return client.post(LOGIN, {"login": email, "password": password}, **extra)


def test_a_person_signs_in_and_out(client, salesperson):
    arrived = sign_in(client, salesperson.email)
    session = client.session.session_key
    left = client.post("/accounts/logout/")

    assert (arrived.status_code, arrived["Location"]) == (302, "/")
    assert left.status_code == 302
    assert not Session.objects.filter(session_key=session).exists()


def test_signing_in_begins_a_new_session(client, salesperson):
    client.get(LOGIN)
    before = client.session.session_key

    sign_in(client, salesperson.email)

    assert client.session.session_key != before


def test_the_cookie_is_kept_from_scripts_and_other_hosts(client, salesperson):
    sign_in(client, salesperson.email)

    cookie = client.cookies["session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")


def test_a_person_of_one_tenant_is_nobody_at_another(client, other_tenant, client_of, salesperson):
    elsewhere = client_of(other_tenant)

    assert sign_in(elsewhere, salesperson.email).status_code == 200
    assert "_auth_user_id" not in elsewhere.session


def test_a_session_of_one_tenant_is_worth_nothing_at_another(client, other_tenant, client_of, salesperson):
    sign_in(client, salesperson.email)
    elsewhere = client_of(other_tenant)
    elsewhere.cookies["session"] = client.cookies["session"].value

    assert elsewhere.get("/admin/").status_code == 302


def test_a_session_copied_into_another_tenants_table_is_ended(client, other_tenant, client_of, salesperson):
    sign_in(client, salesperson.email)
    key = client.cookies["session"].value
    session = Session.objects.get(session_key=key)
    with tenant_context(other_tenant):
        namesake = make_user(role="administrator")
        User.objects.filter(pk=namesake.pk).update(user_id=salesperson.pk)
        Session.objects.create(session_key=key, session_data=session.session_data, expire_date=session.expire_date)
    elsewhere = client_of(other_tenant)
    elsewhere.cookies["session"] = key

    assert elsewhere.get("/admin/").status_code == 302
    with tenant_context(other_tenant):
        assert not Session.objects.filter(session_key=key).exists()


def test_the_eleventh_guess_at_a_password_is_locked_out_and_the_right_one_too(client, salesperson):
    answers = [sign_in(client, salesperson.email, f"wrong {n}").status_code for n in range(11)]

    assert answers[:9] == [200] * 9
    assert answers[10] == 429
    assert sign_in(client, salesperson.email).status_code == 429


def test_guesses_spread_over_addresses_do_not_escape_the_lock(client, salesperson):
    for n in range(10):
        sign_in(client, salesperson.email, "wrong", REMOTE_ADDR=f"198.51.100.{n}")

    assert sign_in(client, salesperson.email, REMOTE_ADDR="198.51.100.99").status_code == 429


def test_a_claimed_address_does_not_escape_the_lock(client, tenant):
    for n in range(10):
        sign_in(client, f"person{n}@acme.example", "wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}")

    locked = sign_in(client, "person99@acme.example", "wrong", HTTP_X_FORWARDED_FOR="198.51.100.99")

    assert locked.status_code == 429


def test_a_lock_at_one_tenant_spares_the_others(client, other_tenant, client_of, salesperson):
    for n in range(11):
        sign_in(client, salesperson.email, f"wrong {n}")
    with tenant_context(other_tenant):
        namesake = make_user(email=salesperson.email)

    assert sign_in(client_of(other_tenant), namesake.email).status_code == 302


def test_a_wrong_password_and_an_unknown_person_get_the_same_words(client, salesperson):
    wrong = sign_in(client, salesperson.email, "wrong")
    unknown = sign_in(client, "nobody@acme.example", "wrong")

    words = re.findall(r'role="alert".*?</p>', wrong.text, re.S)
    assert words
    assert words == re.findall(r'role="alert".*?</p>', unknown.text, re.S)


def test_a_forgotten_password_is_replaced_by_the_letter_and_ends_other_sessions(client, client_of, tenant, salesperson):
    sign_in(client, salesperson.email)
    guest = client_of(tenant)

    guest.post("/accounts/password/reset/", {"email": salesperson.email})
    link = re.search(r"http://acme\.localhost(/\S+)", mail.outbox[0].body)[1]
    form = guest.get(link, follow=True)
    done = guest.post(form.request["PATH_INFO"], {"password1": "another long one", "password2": "another long one"})

    assert done.status_code == 302
    assert client.get("/admin/").status_code == 302
    assert sign_in(client_of(tenant), salesperson.email, "another long one").status_code == 302


def test_a_reset_link_of_one_tenant_opens_nothing_at_another(client, client_of, other_tenant, salesperson):
    client.post("/accounts/password/reset/", {"email": salesperson.email})
    link = re.search(r"http://acme\.localhost(/\S+)", mail.outbox[0].body)[1]
    with tenant_context(other_tenant):
        make_user(email=salesperson.email)

    answer = client_of(other_tenant).get(link)

    assert answer.status_code == 200
    assert 'name="password1"' not in answer.text


def test_asking_for_a_letter_tells_nothing_of_who_exists(client, salesperson):
    known = client.post("/accounts/password/reset/", {"email": salesperson.email})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@acme.example"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert len(mail.outbox) == 1


def test_nobody_signs_up_alone(client):
    answer = client.post("/accounts/signup/", {"email": "x@y.example", "password1": PASSWORD, "password2": PASSWORD})

    assert "_auth_user_id" not in client.session
    assert answer.status_code in (200, 403, 404)


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/nothing"])
def test_headers_that_keep_a_page_to_itself(client, path):
    headers = client.get(path).headers

    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_a_second_factor_is_asked_for_once_it_is_set_up(client, salesperson):
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time

    secret = generate_totp_secret()
    TOTP.activate(salesperson, secret)

    asked = sign_in(client, salesperson.email)
    assert "_auth_user_id" not in client.session
    code = hotp_value(secret, next(yield_hotp_counters_from_time()))
    arrived = client.post(asked["Location"], {"code": f"{code:06d}"})

    assert arrived.status_code == 302
    assert client.session["_auth_user_id"] == str(salesperson.pk)
