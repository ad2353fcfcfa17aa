"""Backups: the whole product or one tenant, into a folder with a manifest; and back.

A backup is a folder: `database.dump` (pg_dump's custom format), `files.tar.gz` (what tenants stored) and
`manifest.json`, written last, with sizes, digests and the number of rows of every table. A folder without a manifest
is no backup. Restoring checks the digests first and the rows afterwards. An export is such a folder of one tenant,
packed into one archive.
"""

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django_tenants.utils import get_public_schema_name, schema_context

from tracker.lib.errors import Conflict, DomainError
from tracker.stack.programs import client_program, connection_environment
from tracker.tenants.models import Domain, Tenant
from tracker.tenants.rights import grant_rights, make_role
from tracker.tenants.services import check_slug

FORMAT = 1


@dataclass(frozen=True)
class Backup:
    """A folder made by `back_up`, and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def tenant(self) -> dict[str, Any] | None:
        """The tenant's own row when the backup is one tenant's, else None."""
        return self.manifest["tenant"]


def back_up(*, folder: Path, at: datetime, tenant: Tenant | None = None) -> Backup:
    """Write a backup of everything, or of one tenant, into a new folder.

    Database and row counts are of one moment: both read the same snapshot. Raises Conflict("backup_exists"),
    DomainError("backup_failed").
    """
    if folder.exists():
        raise Conflict("backup_exists", f"{folder} is there already; name another folder.")
    folder.mkdir(parents=True, mode=0o700)
    schemas = [tenant.schema_name] if tenant else _all_schemas()
    with schema_context(get_public_schema_name()), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
        only = [f"--schema={_pattern(tenant.schema_name)}"] if tenant else []
        # Who may do what belongs to a server, not to the data: it is granted again where the data comes back.
        plain = ["--format=custom", "--no-owner", "--no-privileges"]
        _run("pg_dump", *plain, f"--snapshot={snapshot}", *only, f"--file={folder / DUMP}")
        rows = {schema: count_rows(schema) for schema in schemas}
    _pack_files(folder / FILES, tenant)
    manifest = {
        "format": FORMAT,
        "taken_at": at.isoformat(),
        "tenant": _describe(tenant) if tenant else None,
        "digests": {name: _digest(folder / name) for name in (DUMP, FILES)},
        "rows": rows,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return Backup(folder, manifest)


def open_backup(folder: Path) -> Backup:
    """Read a backup and check that its files are whole. Raises DomainError("not_a_backup"), ("backup_damaged")."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise DomainError("not_a_backup", f"{folder} holds no finished backup.") from error
    if manifest.get("format") != FORMAT:
        raise DomainError("not_a_backup", f"{folder} was written by another version of the product.")
    for name, digest in manifest["digests"].items():
        if not (folder / name).exists() or _digest(folder / name) != digest:
            raise DomainError("backup_damaged", f"{folder / name} is not what was backed up: its digest differs.")
    return Backup(folder, manifest)


def export_tenant(*, tenant: Tenant, archive: Path, at: datetime) -> Backup:
    """Write one tenant into one archive (data, files, manifest) that `unpacked` and `restore_tenant` take back.

    Returns what the archive holds; its folder is gone by then. Raises Conflict("backup_exists"), and like back_up.
    """
    if archive.exists():
        raise Conflict("backup_exists", f"{archive} is there already; name another file.")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".export-") as place:
        made = back_up(folder=Path(place) / tenant.schema_name, at=at, tenant=tenant)
        draft = Path(place) / "archive.tar"
        with tarfile.open(draft, "w") as packed:  # what is in it is compressed already
            for name in (MANIFEST, DUMP, FILES):
                packed.add(made.folder / name, arcname=name)
        draft.chmod(0o600)
        draft.rename(archive)
    return made


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give the folder of a backup: the folder itself, or that of an archive, unpacked for as long as it is needed."""
    if not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="tracker-restore-") as place:
        try:
            with tarfile.open(path) as packed:
                _extract(packed, Path(place), packed.getmembers())
        except tarfile.TarError as error:
            raise DomainError("not_a_backup", f"{path} is no archive of a tenant.") from error
        yield Path(place)


def folders_of(slug: str, root: Path, *, exports: bool = False) -> list[Path]:
    """Return the folders of one tenant below the storage: its own, its clicks and, when asked for, its exports."""
    places = [root / slug, root / "clicks" / slug, *([root / EXPORTS / slug] if exports else [])]
    return [folder for folder in places if folder.is_dir()]


def restore_everything(*, backup: Backup) -> None:
    """Put a whole backup into the database that the settings name, which must be empty.

    Raises Conflict("database_not_empty"), DomainError("not_whole"), ("restore_failed"), ("rows_differ").
    """
    if backup.tenant:
        raise DomainError("not_whole", f"{backup.folder} is a backup of one tenant: restore it as a tenant.")
    if _table_exists("public", "tenants"):
        raise Conflict("database_not_empty", "The database holds a tracker already; restore into an empty one.")
    # Not in one transaction: the locks of many tenants at once would not fit, and the database was empty before.
    _run("pg_restore", "--no-owner", "--exit-on-error", *_into(), str(backup.folder / DUMP))
    _unpack_files(backup.folder / FILES)
    _compare_rows(backup.manifest["rows"])
    if settings.DATABASE_APP_ROLE:
        make_role(settings.DATABASE_APP_ROLE)
        for schema in backup.manifest["rows"]:
            grant_rights(schema)


def restore_tenant(*, backup: Backup, slug: str = "") -> Tenant:
    """Put the backup of one tenant back, under its own slug or another. It comes back suspended, to be looked at first.

    The slug's schema must not exist. The code must know the migrations of the backup; newer ones run afterwards by
    `migrate_tenants`. Raises DomainError("not_a_tenant"), Conflict("slug_taken"), DomainError("rows_differ").
    """
    kept = backup.tenant
    if kept is None:
        raise DomainError("not_a_tenant", f"{backup.folder} is a backup of everything, not of one tenant.")
    was, slug = kept["slug"], slug or kept["slug"]
    check_slug(slug, is_platform=kept["is_platform"])
    with schema_context(get_public_schema_name()):
        if Tenant.objects.filter(schema_name=slug).exists() or _schema_exists(slug):
            raise Conflict("slug_taken", f"There is a tenant or a schema called {slug} already.")
        if slug != was and _schema_exists(was):
            _restore_beside(backup, was, slug)
        else:
            _restore_schema(backup, was, slug)
        _unpack_files(backup.folder / FILES, was=was, now=slug)
        fields = {key: kept[key] for key in KEPT if key in kept}
        tenant = Tenant(schema_name=slug, status=Tenant.Status.SUSPENDED, status_note="restored", **fields)
        tenant.save()
        Domain.objects.create(domain=tenant.host, tenant=tenant, is_primary=True)
    _compare_rows({slug: backup.manifest["rows"][was]})
    grant_rights(slug)
    return tenant


def count_rows(schema: str) -> dict[str, int]:
    """Return the number of rows of each table of a schema."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        counted = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {_quoted(schema)}.{_quoted(table)}")  # noqa: S608 - quoted names
            counted[table] = cursor.fetchone()[0]
    return counted


DUMP, FILES, MANIFEST = "database.dump", "files.tar.gz", "manifest.json"
EXPORTS = "exports"
KEPT = ("name", "currency", "time_zone", "locale", "is_platform", "detail_kept_months")


def _restore_schema(backup: Backup, was: str, slug: str) -> None:
    _run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", *_into(), str(backup.folder / DUMP))
    if slug != was:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SCHEMA {_quoted(was)} RENAME TO {_quoted(slug)}")


def _restore_beside(backup: Backup, was: str, slug: str) -> None:
    """Restore while a tenant of the same slug lives: its schema steps aside, in one transaction, until it is done."""
    script = backup.folder / "restore.sql"
    aside = f"{was}_aside"
    body = _run("pg_restore", "--no-owner", "--file=-", str(backup.folder / DUMP))
    script.write_text(
        f"ALTER SCHEMA {_quoted(was)} RENAME TO {_quoted(aside)};\n{body}\n"
        f"ALTER SCHEMA {_quoted(was)} RENAME TO {_quoted(slug)};\n"
        f"ALTER SCHEMA {_quoted(aside)} RENAME TO {_quoted(was)};\n"
    )
    try:
        _run("psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={script}")
    finally:
        script.unlink()


def _describe(tenant: Tenant) -> dict[str, Any]:
    return {"slug": tenant.schema_name, **{name: getattr(tenant, name) for name in KEPT}}


def _all_schemas() -> list[str]:
    return [get_public_schema_name(), *Tenant.objects.order_by("schema_name").values_list("schema_name", flat=True)]


def _pack_files(target: Path, tenant: Tenant | None) -> None:
    root = Path(settings.MEDIA_ROOT)
    with tarfile.open(target, "w:gz") as archive:
        if tenant is None and root.exists():
            archive.add(root, arcname=".", filter=_without_exports)
        elif tenant is not None:
            for folder in folders_of(tenant.schema_name, root):
                archive.add(folder, arcname=f"./{folder.relative_to(root)}")


def _without_exports(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.name == f"./{EXPORTS}" else member


def _unpack_files(archive: Path, *, was: str = "", now: str = "") -> None:
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        members = packed.getmembers()
        for member in members:
            parts = member.name.removeprefix("./").split("/")
            if was:
                place = 1 if parts[0] == "clicks" else 0
                parts[place : place + 1] = [now]
                member.name = "/".join(parts)
        _extract(packed, root, members)


def _extract(packed: tarfile.TarFile, place: Path, members: list[tarfile.TarInfo]) -> None:
    """Write members of an archive below a folder. Raises tarfile.TarError when one is no file or lies outside of it."""
    for member in members:
        is_inside = (place / member.name).resolve().is_relative_to(place.resolve())
        if not is_inside or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} is nothing that a backup holds.")
    # Whose files they become and what is on them besides: Python before 3.11.4 has no filter for that.
    packed.extraction_filter = getattr(tarfile, "data_filter", None)
    packed.extractall(place, members=members)  # noqa: S202 - each was looked at above


def _compare_rows(expected: dict[str, dict[str, int]]) -> None:
    for schema, tables in expected.items():
        found = count_rows(schema)
        if found != tables:
            wrong = sorted(name for name in tables.keys() | found.keys() if tables.get(name) != found.get(name))
            raise DomainError("rows_differ", f"{schema}: not the rows that were backed up, in {', '.join(wrong)}.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _into() -> list[str]:
    return [f"--dbname={connection.settings_dict['NAME']}"]


def _run(program: str, *arguments: str) -> str:
    environment = {**os.environ, **connection_environment(connection.settings_dict)}
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        [client_program(program), *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        code = "backup_failed" if program == "pg_dump" else "restore_failed"
        raise DomainError(code, f"{program}: {done.stderr.strip()}")
    return done.stdout


def _schema_exists(schema: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [_quoted(schema)])
        return cursor.fetchone()[0]


def _table_exists(schema: str, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{_quoted(schema)}.{_quoted(table)}"])
        return cursor.fetchone()[0]


def _pattern(schema: str) -> str:
    return f'"{schema}"'  # quoted, pg_dump takes it literally


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
