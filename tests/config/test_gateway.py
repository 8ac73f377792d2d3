"""What the tables of a configuration demand of each other, and what it is warned of."""

from __future__ import annotations

import pytest

from .samples import SOURCE, read


def test_ports_may_be_equal_on_other_hosts_and_when_free_ones_are_taken() -> None:
    assert read('[server]\nport = 9090\nhost = "10.0.0.1"').server.port == 9090
    assert read("[server]\nport = 0\n[admin]\nport = 0").admin.port == 0


def test_a_log_may_be_as_small_as_the_buffer_of_a_client() -> None:
    config = read(
        """
        [limits]
        client_buffer = { events = 10, bytes = "1KiB" }
        [sources.demo]
        channel = "demo"
        max_event = "1KiB"
        log = { max_events = 10, max_bytes = "1KiB" }
        sample = {}
        """
    )
    assert config.sources["demo"].log.max_events == config.limits.client_buffer.events


def test_routes_that_only_look_alike_are_two() -> None:
    config = read("""
        routes = [
            { path = "/{id}", channels = ["a.{path.id}"] },
            { path = "/{id:int}", channels = ["b.{path.id}"] },
            { path = "/{id:path}", channels = ["c.{path.id}"] },
        ]
        """)
    assert len({route.pattern for route in config.routes}) == 3


def test_the_page_is_in_the_way_of_a_route_only_if_it_is_shown() -> None:
    assert read('routes = [{ path = "/", channels = ["a"] }]').routes[0].path == "/"


def test_a_gateway_without_sources_or_routes_is_warned_of() -> None:
    assert read("").warnings() == [
        "sources: there are none, so nothing will be served",
        "routes: there are none, so nothing will be served",
    ]


def test_a_route_that_is_never_reached_is_warned_of() -> None:
    config = read(
        """
        routes = [
            { path = "/events/{id}", channels = ["demo"] },
            { path = "/events/{id}/all", channels = ["demo"] },
            { path = "/events/news", channels = ["demo"] },
        ]
        """
        + SOURCE
    )
    assert config.warnings() == ["routes[2].path: it is never reached, put it before routes[0], which matches it too"]


UNFED = "routes[0].channels[0]: no source publishes to this channel"


@pytest.mark.parametrize(
    ("source", "route", "expected"),
    [
        ("demo", "demo", []),
        ("orders.{key}", "orders.{query.id}", []),
        ("orders.{key}", "order.{query.id}", [UNFED]),
        ("{key}.x", "news", [UNFED]),
        (
            "{key}",
            "demo",
            [
                'sources.demo.channel: it matches every channel, so every channel also depends on this source; better begin it with "demo."'
            ],
        ),
    ],
)
def test_channels_that_do_not_meet_are_warned_of(source: str, route: str, expected: list[str]) -> None:
    config = read(f"""
        routes = [{{ path = "/x", channels = ["{route}"] }}]
        [sources.demo]
        channel = "{source}"
        sample = {{}}
        """)
    assert config.warnings() == expected
