"""Keeping the rows that could not be taken, in bulk."""

from collections.abc import Iterable

from django.db import connection

from etl.models import Import, RowIssue
from etl.records import Issue


class IssueKeeper:
    """Issues of one run, written by the batch. Those of an earlier try of the same import go first."""

    def __init__(self, run: Import, *, is_fresh: bool = True) -> None:
        """is_fresh: a new try of the whole file; otherwise some more rows of it, and the issues of others stay."""
        self.run = run
        self.rows = 0
        self._waiting: list[Issue] = []
        if is_fresh:
            RowIssue.objects.filter(import_run=run).delete()

    def refuse_row(self, issues: Iterable[Issue]) -> None:
        """Keep all that is wrong with one row."""
        self.rows += 1
        self._waiting.extend(issues)

    def flush(self) -> None:
        if not self._waiting:
            return
        connection.ensure_connection()
        statement = 'COPY etl_row_issues (import_run_id, line, "column", value, code, reason) FROM STDIN'
        with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for issue in self._waiting:
                copy.write_row(
                    (self.run.pk, issue.line, issue.column[:120], issue.value, issue.code, issue.reason[:300])
                )
        self._waiting.clear()
