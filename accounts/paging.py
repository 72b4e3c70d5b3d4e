"""Pages of a list that may have millions of rows, for the administration."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property


class FirstOnes(Paginator):  # type: ignore[type-arg]
    """Ends after `MOST` rows and counts no further, so that a list of millions opens as fast as a
    short one. Who looks for a row behind them searches or filters: nobody turns so many pages.
    """

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.MOST)

    @property
    def is_cut(self) -> bool:
        """Whether there are more than are listed."""
        return self._counted > self.MOST

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.MOST + 1].count())
