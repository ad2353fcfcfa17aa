"""Signing in without the sign-in page: the session a person would have afterwards."""

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django_tenants.utils import tenant_context


def session_of(user, tenant) -> SessionStore:
    """Write and return a session of this person at this tenant."""
    with tenant_context(tenant):
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session["_tenant"] = tenant.schema_name
        session.create()
    return session
