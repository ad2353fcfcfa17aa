"""May this caller do this? The feature is on, the role grants the act, and the key's scopes cover it."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from tracker.accounts.models import ApiKey
from tracker.flags import services as flags

ACTS = {
    "GET": "view",
    "HEAD": "view",
    "OPTIONS": "view",
    "POST": "add",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}


class MayUse(BasePermission):
    """The permission of every endpoint; what it asks is written on the view.

    flag: the feature that gates the view (None: none); those that are on are left on it as `features`.
    scope: the area a key needs, such as "deals": "deals:read" for reading, "deals:write" for the rest.
    permission: what the role must grant: a code such as "deals.change_campaign", or a map from the method, or from the
        view's action, to a code. Without it the queryset's model decides: view, add, change or delete of that model.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        flag = getattr(view, "flag", None)
        if flag:
            view.features = flags.require(flag)
        if isinstance(request.auth, ApiKey):
            act = "read" if request.method in SAFE_METHODS else "write"
            scope = f"{view.scope}:{act}"
            if not request.auth.has_scope(scope):
                raise PermissionDenied(f"This key lacks the scope {scope}.", code="scope_missing")
        code = needed_permission(view, request.method or "GET")
        return code is None or request.user.has_perm(code)


def needed_permission(view: Any, method: str) -> str | None:
    """Return the code that a role must grant for this call, or None when signing in is enough."""
    declared = getattr(view, "permission", "")
    if isinstance(declared, dict):
        declared = declared.get(getattr(view, "action", None)) or declared.get(method, "")
    if declared != "":
        return declared
    options = view.queryset.model._meta
    return f"{options.app_label}.{ACTS[method]}_{options.model_name}"
