"""Errors of a client library, in the words of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import SourceUnavailable


class Translation:
    """A connector's one table of what its library raises and what that means. Called as a context manager around calls of
    the library, it turns what they raise into SourceUnavailable:

        translated = Translation([(TimeoutError, "no answer in time"), (OSError, "no connection ({})")])

        with translated("cannot read orders"):
            await client.fetch()

    The first class that fits counts, so a subclass stands before its base. In a text, `{}` is what the library says (the
    name of the class where it says nothing), and `{detail}` is the same after a colon, or nothing. What is not in the
    table passes: the gateway takes it for a bug.

    Some libraries cancel whatever waits for an answer when a line dies. Where `asyncio.CancelledError` is in the table it
    is translated as well, unless the task itself is being cancelled.
    """

    def __init__(self, meanings: Sequence[tuple[type[BaseException], str]]) -> None:
        self._meanings = meanings
        self._kinds = tuple(kind for kind, _ in meanings)

    def explain(self, error: BaseException) -> str:
        """What `error` means, in one line; what the library says where it is not in the table."""
        text = next((text for kind, text in self._meanings if isinstance(error, kind)), "{}")
        said = str(error)
        return text.format(said or type(error).__name__, detail=f": {said}" if said else "")

    @contextmanager
    def __call__(self, doing: str) -> Iterator[None]:
        """Translate what is raised within the block; `doing` opens the text.

        Raises:
            SourceUnavailable: something of the table was raised.
        """
        try:
            yield
        except self._kinds as error:
            if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
                raise
            raise SourceUnavailable(f"{doing}: {self.explain(error)}") from error


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
