"""API keys over the API: made, listed, rotated with an overlap, revoked. A key's text is in one answer only."""

from typing import Any

from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from tracker.accounts import keys
from tracker.accounts.models import ApiKey
from tracker.accounts.services import create_api_key
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import DomainError, Forbidden


class KeySerializer(serializers.ModelSerializer):
    role = serializers.CharField(source="role_id", read_only=True)

    class Meta:
        model = ApiKey
        fields = (
            *("key_id", "name", "prefix", "role", "scopes", "allowed_networks"),
            *("created_at", "expires_at", "revoked_at", "last_used_at"),
        )
        read_only_fields = fields


class KeyWithTextSerializer(KeySerializer):
    key = serializers.CharField(read_only=True, help_text="shown this once")

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "key")
        read_only_fields = fields


class BindingSerializer(serializers.Serializer):
    podcast = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=500)
    sponsor = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=500)


class NewKeySerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    role = serializers.CharField(max_length=32, default="administrator")
    scopes = serializers.ListField(
        child=serializers.RegexField(r"^(\*|[a-z-]+(:(read|write))?)$", max_length=64), min_length=1, max_length=50
    )
    bindings = BindingSerializer(required=False)
    allowed_networks = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=50)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)

    def validate_allowed_networks(self, given: list[str]) -> list[str]:
        try:
            return keys.networks(given)
        except ValidationError as error:
            raise DomainError("bad_network", " ".join(error.messages), field="allowed_networks") from error


class ChangedKeySerializer(NewKeySerializer):
    role = None
    bindings = None


class KeyFilter(filters.FilterSet):
    # Roles are data, so one that is not there finds no key.
    role = filters.CharFilter(field_name="role_id")

    class Meta:
        model = ApiKey
        fields = ("name", "prefix", "role")


class KeyViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """The keys of this tenant. Their texts are never shown again."""

    scope = "keys"
    permission = {
        "list": "accounts.view_apikey",
        "retrieve": "accounts.view_apikey",
        "create": "accounts.add_apikey",
        "partial_update": "accounts.change_apikey",
        "rotate": "accounts.change_apikey",
        "revoke": "accounts.change_apikey",
    }
    queryset = ApiKey.objects.order_by("-key_id")
    ordering = "-key_id"
    ordering_fields = {"created_at": "created_at", "name": "name"}
    filterset_class = KeyFilter
    untagged = frozenset({"last_used_at"})
    serializer_class = KeySerializer
    lookup_field = "key_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=NewKeySerializer, responses={201: KeyWithTextSerializer})
    def create(self, request: Request) -> Response:
        """Make a key. A key makes no key with scopes that it lacks itself."""
        wanted = NewKeySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(wanted.validated_data)
        self._check_scopes(fields["scopes"])
        key, text = create_api_key(by=self.actor, at=self.now, **fields)
        return self._with_text(key, text, status=201)

    @extend_schema(request=ChangedKeySerializer(partial=True), responses=KeySerializer)
    def partial_update(self, request: Request, key_id: str) -> Response:
        """Change a key's name, scopes, networks or end. Role and bindings are for life: make another key."""
        key = self.get_object()
        wanted = ChangedKeySerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        self._check_scopes(wanted.validated_data.get("scopes", []))
        return self.answer(keys.change(key=key, at=self.now, **wanted.validated_data))

    @extend_schema(request=None, responses=KeyWithTextSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, key_id: str) -> Response:
        """Take a fresh key of the same kind; the old one works for a day."""
        key = self.get_object()
        self._check_scopes(key.scopes)
        fresh, text = keys.rotate(key=key, by=self.actor, at=self.now)
        return self._with_text(fresh, text)

    @extend_schema(request=None, responses=KeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, key_id: str) -> Response:
        """End a key now."""
        return self.answer(keys.revoke(key=self.get_object(), at=self.now))

    def _with_text(self, key: ApiKey, text: str, *, status: int = 200) -> Response:
        response = self.answer(key, status=status)
        response.data = {**response.data, "key": text}
        return response

    def _check_scopes(self, scopes: list[str]) -> None:
        mine = self.request.auth
        if mine is not None and any(not mine.has_scope(scope) for scope in scopes):
            raise Forbidden("scope_missing", "A key cannot give out more than it has itself.")


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("keys", KeyViewSet, basename="key")

urlpatterns = router.urls
