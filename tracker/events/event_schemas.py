"""The data of this app's events."""

from tracker.events.schemas import ID, describe

describe("webhook.test", "somebody pressed the test button of a webhook; it goes to that one alone", endpoint_id=ID)
