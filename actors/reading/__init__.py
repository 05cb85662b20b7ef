"""Reading tables truly: bytes in, typed records and an account of every line out.

It knows nothing of jobs, Django or pages. `python -m actors.reading FILE` prints how it reads a file; from Python,

    from actors.reading import look

    with look("orders.csv") as table:
        for row in table.rows():
            ...

Nothing heavy is imported before `look` is accessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import Unreadable

if TYPE_CHECKING:
    from .lines import Lines
    from .seeing import Aside, ColumnView, Rejected, Table, look
    from .settings import Settings

else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import seeing

        return getattr(seeing, name)


__all__ = ["Aside", "ColumnView", "Lines", "Rejected", "Settings", "Table", "Unreadable", "look"]
