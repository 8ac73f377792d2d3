"""What an operator can count of the streams."""

from __future__ import annotations

import pytest

from sse_gateway.core import Bounds

from ..golden.public import Public, ids, public

pytestmark = pytest.mark.anyio


async def test_resumes_are_counted_by_what_came_of_them_and_other_openings_are_not() -> None:
    async with public(bounds=Bounds(2, 10**6, 600)) as scene:
        start = ids(await scene.ask("/events/a"))[0]
        assert resumes(scene) == {"log": 0, "gap": 0, "reset": 0}
        await scene.ask("/events/a", id=start)
        assert resumes(scene) == {"log": 1, "gap": 0, "reset": 0}
        scene.publish("a", "one", "two", "three")
        await scene.ask("/events/a", id=start)
        assert resumes(scene) == {"log": 1, "gap": 1, "reset": 0}
        await scene.ask("/events/a", id="nonsense")
        await scene.ask("/events/a", id=start + ".zzzzzz_0-5")
        assert resumes(scene) == {"log": 1, "gap": 1, "reset": 2}


def resumes(scene: Public) -> dict[str, float]:
    return {outcome: scene.count("resumes_total", outcome=outcome) for outcome in ("log", "gap", "reset")}
