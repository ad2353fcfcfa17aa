"""Proposals: a deal's wish, what is free of it, and what it costs, as a media plan that a buyer can hold in hand."""
