"""Who wants to buy, and how far the talk has come: one file for each noun."""

from deals.models.campaign import Campaign, CampaignQuerySet, DealFile, DealNote
from deals.models.desk import DealAlert, DeskDigest, Goal, GuardRule, SavedFilter, StageRule
from deals.models.sponsor import Agency, Contact, Sponsor, SponsorMerge

__all__ = [
    "Agency",
    "Campaign",
    "CampaignQuerySet",
    "Contact",
    "DealAlert",
    "DealFile",
    "DealNote",
    "DeskDigest",
    "Goal",
    "GuardRule",
    "SavedFilter",
    "Sponsor",
    "SponsorMerge",
    "StageRule",
]
