"""Static files: hashed names that are cached for ever, and plain ones before `collectstatic` has run."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """A page whose style sheet was not collected yet is served with the plain name, never refused."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
