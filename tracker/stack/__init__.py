"""Embedded PostgreSQL and Valkey, and the supervisor behind `make run`. Imports nothing else of the project."""
