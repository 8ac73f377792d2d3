"""A protocol of one's own over events: an answer word by word, as language models give it, to a POST with JSON.

    python examples/custom_protocol.py
    curl -N --json '{"prompt": "tell me a story"}' http://127.0.0.1:8000/answers
    curl -i --json '{"prompt": ""}' http://127.0.0.1:8000/answers       # 422, from FastAPI, before any stream

You see `start`, a `word` after another, and `done` with a count. The type of an event says what its data is. `Event` is
checked when it is made: a line break in an id is an error here, and not a forged field at the client. Browsers read the answer
to a POST with `fetch`, since EventSource can only GET.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import anyio
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

from sse_gateway import Event, EventSourceResponse


class Question(BaseModel):
    """The body of the POST."""

    prompt: str = Field(min_length=1, max_length=1000)


async def answer(prompt: str) -> AsyncIterator[Event]:
    words = ["You", "said:", *prompt.split()]
    yield Event({"prompt": prompt}, event="start")
    for place, word in enumerate(words):
        yield Event({"text": word}, event="word", id=place)
        await anyio.sleep(0.1)
    yield Event({"words": len(words)}, event="done")


app = FastAPI()


@app.post("/answers", response_model=None)
async def answers(question: Question) -> EventSourceResponse:
    return EventSourceResponse(answer(question.prompt))


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
