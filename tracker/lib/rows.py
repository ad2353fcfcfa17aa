"""Statements that are written out: for what is asked so often that putting them together costs more than they do.

    LINE = Rows(
        "SELECT {line}, {unit}, now() FROM lines AS line JOIN units AS unit USING (unit_id) WHERE line_id = %s",
        line=Line, unit=Unit,
    )
    line, unit, moment = LINE.first([line_id])

They run in the schema that is entered, like everything else.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import AutoField, Field, Model
from django.db.models.signals import post_save


class Rows:
    """A SELECT in which `{name}` stands for all columns of a model's table under that alias; other columns come last.

    Each row is read as a tuple: an object for each model, in the order given, None where an outer join found no row;
    then the other columns. Foreign keys of the objects are not filled in.
    """

    def __init__(self, sql: str, **models: type[Model]) -> None:
        self._sql, self._models = sql, models

    def first(self, params: Sequence[Any] | Mapping[str, Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        with connection.cursor() as cursor:
            cursor.execute(self.statement, params)
            row = cursor.fetchone()
        return self.read(row) if row is not None else None

    @cached_property
    def statement(self) -> str:
        columns = {
            name: ", ".join(f'{name}."{field.column}"' for field in model._meta.concrete_fields)
            for name, model in self._models.items()
        }
        return self._sql.format(**columns)

    @cached_property
    def _makers(self) -> list[tuple[int, int, Callable[[Sequence[Any]], Model | None]]]:
        makers, at = [], 0
        for model in self._models.values():
            size = len(model._meta.concrete_fields)
            makers.append((at, at + size, _maker_of(model)))
            at += size
        return makers

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Return what a row of the statement holds, for whoever sends it together with others."""
        found = tuple(make(row[begin:end]) for begin, end, make in self._makers)
        return found + tuple(row[self._makers[-1][1] if self._makers else 0 :])


def insert(new: Model, *, unless_taken: bool = False) -> bool:
    """Write a new object as `save(force_insert=True)` does: its key, times and state are set, and listeners hear of it.

    unless_taken: a row that a constraint refuses is left, with no error and the transaction whole; then this is False,
    and the caller finds out what is in the way. Waits, as any insert, for a rival that is being written.
    """
    model = type(new)
    statement, fields, key = _insertion(model, unless_taken)
    values = [field.get_db_prep_save(field.pre_save(new, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    if row is None:
        return False
    setattr(new, key, row[0])
    new._state.adding, new._state.db = False, DEFAULT_DB_ALIAS
    post_save.send(sender=model, instance=new, created=True, update_fields=None, raw=False, using=DEFAULT_DB_ALIAS)
    return True


@cache
def _insertion(model: type[Model], unless_taken: bool) -> tuple[str, list[Field], str]:
    options = model._meta
    fields = [field for field in options.concrete_fields if not isinstance(field, AutoField)]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(
        field.get_placeholder(None, None, connection) if hasattr(field, "get_placeholder") else "%s" for field in fields
    )
    statement = f'INSERT INTO "{options.db_table}" ({columns}) VALUES ({places})'  # noqa: S608
    statement += " ON CONFLICT DO NOTHING" if unless_taken else ""
    return f'{statement} RETURNING "{options.pk.column}"', fields, options.pk.attname


@cache
def _maker_of(model: type[Model]) -> Callable[[Sequence[Any]], Model | None]:
    """Return what makes an object of a model's columns, or None of a row that an outer join did not find."""
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    key = fields.index(model._meta.pk)
    read = [(n, convert) for n, field in enumerate(fields) for convert in field.get_db_converters(connection)]

    def make(columns: Sequence[Any]) -> Model | None:
        if columns[key] is None:
            return None
        values = list(columns)
        for n, convert in read:
            values[n] = convert(values[n], None, connection)
        return model.from_db(DEFAULT_DB_ALIAS, names, values)

    return make
