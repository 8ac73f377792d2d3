"""The gateway's own log: lines on standard error, as text for people or as JSON for log collectors.

What varies is in fields and not in the message: `logger.info("serving", extra={"public": url})`. Payloads and secrets are
never logged.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from .config import LogsConfig

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-[]{}()*")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
"""These are escaped, so that a message from a library can't begin a new line or colour a terminal."""

EMBEDDED: dict[str, Any] = {"version": 1, "incremental": True, "handlers": {}, "loggers": {}}
"""The `log_dictconfig` of an embedded server, with which the server logs through the handlers of the gateway."""


def configure(config: LogsConfig, stream: TextIO | None = None) -> None:
    """Send the log of the process to `stream` (default: standard error). Call it once, at the start."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if config.format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.level.upper())
    # The gateway itself logs what these libraries log at INFO.
    for library in ("aio_pika", "aiormq", "asyncio"):
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
    # aiokafka logs ten ERROR lines a second while a broker is down. The source logs one line about that.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class JsonFormatter(logging.Formatter):
    """Writes one JSON object per line: time, level, logger, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Writes `TIME LEVEL message key=value ...` on one line. A traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        message = record.getMessage().translate(_CONTROL)
        fields = "".join(f" {name}={_quote(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {message}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _quote(value: object) -> str:
    """A plain word as it is, anything else as a JSON string, so that a field never contains a line break."""
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text if text and _SAFE.issuperset(text) else json.dumps(text, ensure_ascii=False)
