"""From a request to the channels that it asks for."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import QueryParams

from sse_gateway.config import RouteConfig
from sse_gateway.connector import Problem
from sse_gateway.public.request import StreamRoute


def compiled(at: str, channels: list[str], repeated: list[str] | None = None, limit: int = 64) -> StreamRoute:
    table = {"path": at, "channels": channels, "repeated": repeated or []}
    return StreamRoute(RouteConfig.model_validate(table), max_channels=limit)


def channels(path: str, query: str = "", **config: Any) -> tuple[str, ...]:
    route = compiled(**config)
    parameters = route.match(path)
    assert parameters is not None
    return route.channels(parameters, QueryParams(query))


def refusal(*args: Any, **config: Any) -> str:
    with pytest.raises(Problem) as problem:
        channels(*args, **config)
    assert problem.value.status_code == 400
    return problem.value.detail


@pytest.mark.parametrize(
    ("at", "path"),
    [("/events/{id}", "/events/"), ("/events/{id}", "/events/1/2"), ("/{id:int}", "/a"), ("/a", "/a/"), ("/a", "/a\n")],
)
def test_a_path_of_another_form_is_not_served(at: str, path: str) -> None:
    assert compiled(at, ["x"]).match(path) is None


def test_a_route_without_parameters_serves_its_channel() -> None:
    assert channels("/events", at="/events", channels=["news"]) == ("news",)


def test_path_and_query_go_into_the_channels_in_the_order_of_the_configuration() -> None:
    config: dict[str, Any] = {
        "at": "/events/{id}",
        "channels": ["news", "orders.{path.id}", "topics.{query.topic}.{path.id}"],
    }

    assert channels("/events/42", "topic=a", **config) == ("news", "orders.42", "topics.a.42")


def test_a_typed_parameter_stays_the_text_that_was_sent() -> None:
    assert channels("/007", at="/{id:int}", channels=["orders.{path.id}"]) == ("orders.007",)


def test_a_repeated_parameter_gives_a_channel_for_each_value() -> None:
    config: dict[str, Any] = {"at": "/e", "channels": ["t.{query.t}"], "repeated": ["t"]}

    assert channels("/e", "t=b&t=a&t=b", **config) == ("t.b", "t.a")


def test_two_repeated_parameters_give_every_pair() -> None:
    config: dict[str, Any] = {"at": "/e", "channels": ["{query.a}.{query.b}"], "repeated": ["a", "b"]}

    assert channels("/e", "a=1&b=x&a=2&b=y", **config) == ("1.x", "1.y", "2.x", "2.y")


def test_a_channel_that_two_templates_give_is_served_once() -> None:
    assert channels("/a", at="/{x}", channels=["a", "{path.x}"]) == ("a",)


@pytest.mark.parametrize("query", ["", "t=", "other=1"])
def test_a_missing_parameter_is_named(query: str) -> None:
    assert refusal("/e", query, at="/e", channels=["t.{query.t}"]) == "missing query parameter t"


def test_a_parameter_that_may_not_be_repeated_is_named() -> None:
    detail = refusal("/e", "t=a&t=b", at="/e", channels=["t.{query.t}"])

    assert detail == "the query parameter t is given 2 times, expected once"


def test_the_same_value_twice_is_one_value() -> None:
    assert channels("/e", "t=a&t=a", at="/e", channels=["t.{query.t}"]) == ("t.a",)


@pytest.mark.parametrize("value", ["a b", "a/b", "ä", "a\n", "a*", "x" * 200, "%", "{a}"])
def test_a_value_that_makes_no_channel_name_is_refused(value: str) -> None:
    route = compiled("/e", ["t.{query.t}"])

    with pytest.raises(Problem, match="no channel name"):
        route.channels({}, QueryParams({"t": value}))


def test_more_channels_than_one_subscription_may_have_are_refused() -> None:
    config: dict[str, Any] = {"at": "/e", "channels": ["t.{query.t}"], "repeated": ["t"]}

    assert len(channels("/e", "t=1&t=2", limit=2, **config)) == 2
    assert refusal("/e", "t=1&t=2&t=3", limit=2, **config) == "more than 2 channels in one subscription"


def test_a_product_of_many_values_is_refused_before_it_is_made() -> None:
    query = "&".join(f"{name}={value}" for name in "abcd" for value in range(1000))
    config: dict[str, Any] = {
        "at": "/e",
        "channels": ["{query.a}.{query.b}.{query.c}.{query.d}"],
        "repeated": list("abcd"),
    }

    assert refusal("/e", query, **config) == "more than 64 channels in one subscription"
