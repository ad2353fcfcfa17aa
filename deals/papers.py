"""Files kept with a deal: stored under a random name in the house's own folder, handed out as downloads alone."""

import re
from datetime import datetime
from uuid import uuid4

from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from deals.models import Campaign, DealFile
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import DomainError

MOST_BYTES = 10 * 1024 * 1024
MOST_FILES = 50


@transaction.atomic
def add_file(*, campaign: Campaign, file: UploadedFile, by: HasActor | Actor, at: datetime) -> DealFile:
    """Keep a file that somebody brought with a deal. Emits deal.file_added.

    Raises DomainError as keep_file does.
    """
    kept = keep_file(campaign=campaign, file=file, by=by, at=at)
    emit("deal.file_added", subject=campaign, by=by, at=at, data={"campaign_id": str(campaign.pk), "name": kept.name})
    return kept


def keep_file(*, campaign: Campaign, file: File, by: HasActor | Actor, at: datetime) -> DealFile:
    """Store a file with a deal, within a transaction of the caller, who tells of it.

    Raises DomainError("empty_file"), DomainError("too_large"), DomainError("too_many_files").
    """
    name = re.sub(r"[\x00-\x1f\x7f]", "", (file.name or "").replace("\\", "/").rsplit("/", 1)[-1]).strip()[-200:]
    size = file.size or 0
    if not size:
        raise DomainError("empty_file", _("This file is empty."))
    if size > MOST_BYTES:
        raise DomainError("too_large", _("A file may have 10 MB at most; this one is larger."))
    # The row lock lets two uploads at once count one after the other.
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    if DealFile.objects.filter(campaign=campaign).count() >= MOST_FILES:
        raise DomainError("too_many_files", _("A deal keeps %(count)s files at most.") % {"count": MOST_FILES})
    file.name = uuid4().hex
    return DealFile.objects.create(
        campaign=campaign, file=file, name=name or "file", size=size, added_by=actor_of(by).as_json(), added_at=at
    )
