"""Names of static files: hashed where `collectstatic` has run, plain where it has not."""

from collections.abc import Iterator
from typing import Any

import brotli
from django.conf import settings
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class QuickCompressor(Compressor):
    """Brotli's last step takes more than twice the time of the one before it, for files that are 2 % smaller."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return brotli.compress(data, quality=10)


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Compressed files with a digest in their names, so that browsers may keep them for ever.

    A file that a template names and nobody collected is a missing picture, not a page that fails: above all not the
    page that says what is wrong.
    """

    manifest_strict = False
    # A source map is not collected, so a line that names one is left as it is.
    patterns = tuple(
        (glob, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for glob, rules in CompressedManifestStaticFilesStorage.patterns
    )

    def stored_name(self, name: str) -> str:
        try:
            return super().stored_name(name)
        except ValueError:
            return name

    def create_compressor(self, **options: Any) -> Compressor:
        return QuickCompressor(**options)

    def compress_files(self, paths: set[str]) -> Iterator[tuple[str, str]]:
        """Compress what browsers ask for: hashed names, and no source maps, which are large and read by nobody."""
        if not settings.COMPRESS_STATIC_FILES:
            return iter(())
        asked_for = {path for path in self.hashed_files.values() if not path.endswith(".map")}
        return super().compress_files(paths & asked_for)
