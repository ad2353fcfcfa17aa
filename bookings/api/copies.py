"""Copy over the API: the calls below /api/v1/io/{io_id}/copies."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.models import BookingCopy
from bookings.queries.copies import copies_of
from bookings.services.copies import LONGEST_DISCLOSURE, MOST_WORDS, accept_copy, ask_for_change, propose_copy
from tracker.lib.errors import Forbidden


class CopySerializer(serializers.ModelSerializer):
    """A version of what the host is to say."""

    io_id = serializers.UUIDField(source="booking_id")
    version = serializers.IntegerField(source="number")
    written_by = serializers.CharField(source="written_by.label")
    decided_by = serializers.SerializerMethodField()

    class Meta:
        model = BookingCopy
        fields = (
            *("copy_id", "io_id", "version", "status", "talking_points", "must_say", "disclosure", "due_on"),
            *("answer", "written_by", "written_at", "decided_by", "decided_at", "late_told_at"),
        )
        read_only_fields = fields

    def get_decided_by(self, copy: BookingCopy) -> str | None:
        return copy.decided_by["label"] if copy.decided_by else None


class NewCopySerializer(serializers.Serializer):
    talking_points = serializers.CharField(max_length=MOST_WORDS)
    must_say = serializers.CharField(max_length=MOST_WORDS, required=False, allow_blank=True, default="")
    disclosure = serializers.CharField(max_length=LONGEST_DISCLOSURE, required=False, allow_blank=True, default="")
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class AnswerSerializer(serializers.Serializer):
    decision = serializers.ChoiceField(["accept", "change"])
    answer = serializers.CharField(max_length=MOST_WORDS, required=False, allow_blank=True, default="")


class CopyCalls:
    """Calls of a booking's copy, mixed into its viewset."""

    @extend_schema(methods=["GET"], responses=CopySerializer(many=True))
    @extend_schema(methods=["POST"], request=NewCopySerializer, responses={201: CopySerializer})
    @action(detail=True, methods=["get", "post"], pagination_class=None, filter_backends=[])
    def copies(self: Any, request: Request, io_id: UUID) -> Response:
        """The versions of a booking's copy, the newest first; POST writes the next one, for the house's own people."""
        booking = self.get_object()
        if request.method != "POST":
            return Response(CopySerializer(copies_of(booking), many=True).data)
        if request.user.role.bound_to or not request.user.has_perm("bookings.change_iobooking"):
            raise Forbidden("not_allowed", "Copy is written by the sales desk.")
        wanted = NewCopySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        copy = propose_copy(booking=booking, by=request.user, at=self.now, **wanted.validated_data)
        return Response(CopySerializer(copy).data, status=201)

    @extend_schema(request=AnswerSerializer, responses=CopySerializer)
    @action(detail=True, methods=["post"], url_path="copies/<uuid:copy_id>/answer")
    def copy_answer(self: Any, request: Request, io_id: UUID, copy_id: UUID) -> Response:
        """Accept a version, or ask for a change: for the people of the show."""
        booking = self.get_object()
        if request.user.role.bound_to != "podcast":
            raise Forbidden("not_allowed", "Copy is answered by the people of the show.")
        copy = BookingCopy.objects.filter(booking=booking, pk=copy_id).first()
        if copy is None:
            raise Http404
        wanted = AnswerSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        if given["decision"] == "accept":
            answered = accept_copy(copy=copy, by=request.user, at=self.now)
        else:
            answered = ask_for_change(copy=copy, answer=given["answer"], by=request.user, at=self.now)
        return Response(CopySerializer(answered).data)
