"""The pipeline that makes datasets of tables on the web; `pipeline` tells its life, docs/fetching.md its rules."""

from . import pipeline  # noqa: F401
