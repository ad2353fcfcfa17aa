"""Who wants to buy, and how far the talk has come: one file for each noun."""

from deals.models.campaign import Campaign, CampaignQuerySet, DealFile, DealNote, Proposal
from deals.models.desk import DealAlert, DeskDigest, Goal, GuardRule, SavedFilter, StageRule
from deals.models.sponsor import Agency, Contact, Credit, Sponsor, SponsorMerge

__all__ = [
    "Agency",
    "Campaign",
    "CampaignQuerySet",
    "Contact",
    "Credit",
    "DealAlert",
    "DealFile",
    "DealNote",
    "DeskDigest",
    "Goal",
    "GuardRule",
    "Proposal",
    "SavedFilter",
    "Sponsor",
    "SponsorMerge",
    "StageRule",
]
