"""Proof, counts and billing over the API: the calls below /api/v1/io/{io_id} for what happens after a line has run."""

from typing import Any, cast
from uuid import UUID

from django.http import FileResponse, Http404, HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.delivery.airchecks import judge_proof, spots_to_prove, submit_proof
from bookings.delivery.billing import agree_count, bill_of, reconciliation_of, release_bill
from bookings.delivery.inputs import zone_of
from bookings.models import AgreedCount, Aircheck, BillingLine, IOBooking
from metrics.models import Episode
from tracker.api.parsers import StrictJSONParser
from tracker.lib.dates import local_day
from tracker.lib.errors import Forbidden, NotFound

MOST = 10**15
CHANGE = "bookings.change_makegood"
PERMISSIONS = {
    "reads": "bookings.view_iobooking",
    # Who may send proof is decided by the call: the people of the show do, who may otherwise only read.
    "proofs": "bookings.view_iobooking",
    "proof_file": "bookings.view_iobooking",
    "verdicts": CHANGE,
    "reconciliation": CHANGE,
    "agreed_counts": CHANGE,
    "bill": CHANGE,
}


class ProofSerializer(serializers.ModelSerializer):
    """The proof of one read, and what somebody found on listening to it."""

    io_id = serializers.UUIDField(source="booking_id")
    has_file = serializers.SerializerMethodField()

    class Meta:
        model = Aircheck
        fields = (
            *("aircheck_id", "io_id", "episode_id", "due_on", "link", "has_file", "file_name", "offset_seconds"),
            *("length_seconds", "submitted_at", "verdict", "verdict_reason", "judged_at"),
        )
        read_only_fields = fields

    def get_has_file(self, proof: Aircheck) -> bool:
        """Whether a clip was sent: GET /io/{io_id}/proofs/{aircheck_id}/file."""
        return bool(proof.file)


class ReadSerializer(serializers.Serializer):
    """A read that is out. `episode_id` is null for a line that is proved once, as a whole."""

    episode_id = serializers.UUIDField(source="episode.pk", allow_null=True)
    aired_on = serializers.DateField()
    due_on = serializers.DateField(help_text="by when its proof is wanted, a day of the order's zone")
    is_overdue = serializers.BooleanField()
    proof = ProofSerializer(source="aircheck", allow_null=True)


class ReadsSerializer(serializers.Serializer):
    reads = ReadSerializer(many=True)


class NewProofSerializer(serializers.Serializer):
    episode_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    link = serializers.RegexField(r"^https://[!-~]+$", max_length=500, help_text="https, to the clip")
    offset_seconds = serializers.IntegerField(min_value=0, max_value=86_400, required=False, allow_null=True)
    length_seconds = serializers.IntegerField(min_value=1, max_value=3_600, required=False, allow_null=True)


class NewProofFormSerializer(NewProofSerializer):
    conditions = {"anyOf": [{"required": ["file"]}, {"required": ["link"]}]}

    file = serializers.FileField(
        required=False, allow_empty_file=True, help_text="a sound or video file, 25 MiB at most"
    )
    link = serializers.RegexField(r"^https://[!-~]+$", max_length=500, required=False, help_text="or a link to one")
    episode_id = serializers.UUIDField(required=False)
    offset_seconds = serializers.IntegerField(min_value=0, max_value=86_400, required=False)
    length_seconds = serializers.IntegerField(min_value=1, max_value=3_600, required=False)


class VerdictSerializer(serializers.Serializer):
    episode_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    verdict = serializers.ChoiceField([Aircheck.Verdict.APPROVED, *Aircheck.FAULTS])
    reason = serializers.CharField(
        max_length=500, required=False, allow_blank=True, default="", help_text="what is wrong; a fault needs it"
    )
    owed_impressions = serializers.IntegerField(
        min_value=1,
        max_value=MOST,
        required=False,
        allow_null=True,
        help_text="of the case; the read's goal without it",
    )


class SourceCountSerializer(serializers.Serializer):
    source = serializers.CharField()
    impressions = serializers.IntegerField(source="count", allow_null=True)
    is_record = serializers.BooleanField(help_text="the order's measurement of record")
    difference_pct = serializers.FloatField(allow_null=True, help_text="against the measurement of record")
    band = serializers.ChoiceField(["usual", "noticeable", "reconcile", ""])


class AgreedCountSerializer(serializers.ModelSerializer):
    io_id = serializers.UUIDField(source="booking_id")
    agreed_by = serializers.CharField(source="agreed_by.label")

    class Meta:
        model = AgreedCount
        fields = (
            *("agreed_id", "io_id", "first_day", "last_day", "impressions", "recorded_impressions"),
            *("third_party", "third_party_impressions", "reason", "agreed_at", "agreed_by"),
        )
        read_only_fields = fields


class ReconciliationSerializer(serializers.Serializer):
    """What each source counted over the days that all of them have measured. They are never added up."""

    first_day = serializers.DateField()
    last_day = serializers.DateField(allow_null=True)
    needs_reconciling = serializers.BooleanField()
    counts = SourceCountSerializer(many=True)
    agreed = AgreedCountSerializer(allow_null=True)


class NewAgreedCountSerializer(serializers.Serializer):
    impressions = serializers.IntegerField(min_value=0, max_value=MOST)
    reason = serializers.RegexField(r"\S", max_length=500, help_text="how it was agreed")


class BillingLineSerializer(serializers.ModelSerializer):
    """What a line's period is billed: integer cents of `currency`, frozen when it was released."""

    io_id = serializers.UUIDField(source="booking_id")
    order_id = serializers.UUIDField(source="booking.order_id")
    order_number = serializers.CharField(source="booking.order.number", allow_null=True)
    agreed_id = serializers.UUIDField(source="agreed_count_id", allow_null=True)

    class Meta:
        model = BillingLine
        fields = (
            *("billing_line_id", "io_id", "order_id", "order_number", "first_day", "last_day", "basis"),
            *("impressions", "gross_cents", "commission_cents", "net_cents", "currency", "agreed_id", "released_at"),
        )
        read_only_fields = fields


class BillSerializer(serializers.Serializer):
    """What a line would bill as it stands; null where nothing is known yet."""

    io_id = serializers.UUIDField(source="booking.pk")
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    basis = serializers.ChoiceField(BillingLine.Basis.choices)
    impressions = serializers.IntegerField(allow_null=True)
    gross_cents = serializers.IntegerField(allow_null=True)
    commission_cents = serializers.IntegerField(allow_null=True)
    net_cents = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()
    waits_for = serializers.ListField(child=serializers.CharField(), help_text="in words; empty: it can be released")
    released = BillingLineSerializer(allow_null=True)


class ReadCalls:
    """Calls of a booked line that has run, mixed into its viewset."""

    @extend_schema(responses=ReadsSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def reads(self: Any, request: Request, io_id: UUID) -> Response:
        """The reads of a line that are out, the newest first, each with its proof or null."""
        booking = self.get_object()
        today = local_day(self.now, zone_of(booking))
        spots = [
            {
                "episode": spot.episode,
                "aired_on": spot.aired_on,
                "due_on": spot.due_on,
                "is_overdue": spot.is_overdue(today),
                "aircheck": spot.aircheck,
            }
            for spot in spots_to_prove([booking], at=self.now)
        ]
        return Response(ReadsSerializer({"reads": spots}).data)

    @extend_schema(
        request={"application/json": NewProofSerializer, "multipart/form-data": NewProofFormSerializer},
        responses={201: ProofSerializer},
    )
    @action(detail=True, methods=["post"], parser_classes=[StrictJSONParser, MultiPartParser])
    def proofs(self: Any, request: Request, io_id: UUID) -> Response:
        """Send the proof of a read, a clip or a link; one that was sent before is replaced and judged anew."""
        booking = self.get_object()
        if not request.user.has_perm(CHANGE) and request.user.role.bound_to != "podcast":
            raise Forbidden("not_allowed", _("Proof is sent by the people of the show."))
        is_form = (request.content_type or "").startswith("multipart/")
        wanted = (NewProofFormSerializer if is_form else NewProofSerializer)(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        episode = _episode(booking, fields.pop("episode_id", None))
        proof = submit_proof(booking=booking, episode=episode, by=request.user, at=self.now, **fields)
        return Response(ProofSerializer(proof).data, status=201)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], url_path="proofs/<uuid:aircheck_id>/file")
    def proof_file(self: Any, request: Request, io_id: UUID, aircheck_id: UUID) -> HttpResponse:
        """The clip that was sent as a proof."""
        clip = Aircheck.objects.filter(pk=aircheck_id, booking=self.get_object()).first()
        if clip is None or not clip.file:
            raise Http404
        name = clip.file_name or "proof"
        return cast(
            HttpResponse,
            FileResponse(
                clip.file.open("rb"), as_attachment=True, filename=name, content_type="application/octet-stream"
            ),
        )

    @extend_schema(request=VerdictSerializer, responses=ProofSerializer)
    @action(detail=True, methods=["post"])
    def verdicts(self: Any, request: Request, io_id: UUID) -> Response:
        """Judge a read: approved, or what is wrong with it, which opens a case. The same again changes nothing."""
        booking = self.get_object()
        wanted = VerdictSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        episode = _episode(booking, fields.pop("episode_id"))
        proof = judge_proof(booking=booking, episode=episode, by=request.user, at=self.now, **fields)
        return Response(ProofSerializer(proof).data)

    @extend_schema(responses=ReconciliationSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def reconciliation(self: Any, request: Request, io_id: UUID) -> Response:
        """What each source counted for a line, side by side, and the count that both sides agreed."""
        return Response(ReconciliationSerializer(reconciliation_of(self.get_object(), at=self.now)).data)

    @extend_schema(request=NewAgreedCountSerializer, responses={201: AgreedCountSerializer})
    @action(detail=True, methods=["post"], url_path="agreed-counts")
    def agreed_counts(self: Any, request: Request, io_id: UUID) -> Response:
        """Write down the count that both sides bill a line on. A later one replaces it; 409 once it is billed."""
        booking = self.get_object()
        wanted = NewAgreedCountSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        agreed = agree_count(booking=booking, by=request.user, at=self.now, **wanted.validated_data)
        return Response(AgreedCountSerializer(agreed).data, status=201)

    @extend_schema(methods=["GET"], responses=BillSerializer)
    @extend_schema(methods=["POST"], request=None, responses=BillingLineSerializer)
    @action(detail=True, methods=["get", "post"], pagination_class=None, filter_backends=[])
    def bill(self: Any, request: Request, io_id: UUID) -> Response:
        """What a line bills as it stands; POST freezes it for accounting, once, or 409 with what is missing."""
        booking = self.get_object()
        if request.method == "POST":
            released = release_bill(booking=booking, by=request.user, at=self.now)
            return Response(BillingLineSerializer(released).data)
        return Response(BillSerializer(bill_of(booking, at=self.now)).data)


def _episode(booking: IOBooking, key: UUID | None) -> Episode | None:
    """Return the episode of the line's show that a body names; another's looks like none at all."""
    if key is None:
        return None
    episode = Episode.objects.filter(pk=key, podcast=booking.ad_unit.podcast_id).first()
    if episode is None:
        raise NotFound("not_found", _("This show has no such episode."), field="episode_id")
    return episode
