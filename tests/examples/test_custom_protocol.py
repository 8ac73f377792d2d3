"""A protocol of one's own."""

from __future__ import annotations

import httpx

from sse_gateway.testing import EventStreamParser

from ..sse.servers import Server


async def test_an_answer_comes_word_by_word(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        async with client.stream("POST", "/answers", json={"prompt": "two words"}) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            parser = EventStreamParser()
            events = [event async for chunk in response.aiter_bytes() for event in parser.feed(chunk)]
    assert [(event.type, event.data) for event in events] == [
        ("start", '{"prompt":"two words"}'),
        ("word", '{"text":"You"}'),
        ("word", '{"text":"said:"}'),
        ("word", '{"text":"two"}'),
        ("word", '{"text":"words"}'),
        ("done", '{"words":4}'),
    ]


async def test_a_bad_question_is_refused_before_any_stream(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.post("/answers", json={"prompt": ""})).status_code == 422
