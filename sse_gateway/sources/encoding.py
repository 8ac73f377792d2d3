"""What becomes of a body on its way into an event, which can only carry text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import Unmappable

__all__ = ["ENCODINGS", "Encoding", "OnInvalid", "parse"]

OnInvalid = Literal["drop", "replace", "base64"]

_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+')


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")  # though Python's own reader takes NaN and Infinity


def parse(body: bytes | str) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError for anything else, NaN and nesting beyond reason
    included."""
    text = body if isinstance(body, str) else body.decode()
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _validated(body: bytes) -> bytes:
    body.decode()
    return body


def _compacted(body: bytes) -> bytes:
    # by taking out the white space, not by writing the value anew: numbers and escapes stay as the producer wrote them
    text = body.decode()
    parse(text)
    return _STRING_OR_SPACE.sub(r"\1", text).encode()


def _quoted(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to write a body as text: `write` raises ValueError where it is not of the kind, `substitute` writes what
    is put in its place, so that whoever expects JSON gets JSON."""

    write: Callable[[bytes], bytes]
    substitute: Callable[[str], bytes]

    def encode(self, body: bytes | str, on_invalid: OnInvalid) -> tuple[bytes, bool]:
        """The data of the event, and whether it had to be substituted.

        Raises:
            Unmappable: the body is not of the kind, and `on_invalid` drops it.
        """
        raw = (
            body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
        )  # a JSON escape may be half a pair
        try:
            return self.write(raw), False
        except ValueError as error:
            if on_invalid == "drop":
                raise Unmappable("encoding", str(error)) from error
        text = raw.decode(errors="replace") if on_invalid == "replace" else base64.b64encode(raw).decode()
        return self.substitute(text), True


ENCODINGS = {
    "text": Encoding(_validated, str.encode),
    "json": Encoding(_compacted, _quoted),
    "base64": Encoding(base64.b64encode, str.encode),
}
"""By their names in the configuration."""
