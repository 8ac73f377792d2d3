"""What is read, made or found: the broker refuses a declaration that differs from what is there, and other people's
exchanges and queues are not ours to make, so they are only looked for unless the configuration says otherwise."""

from __future__ import annotations

from aio_pika.abc import AbstractChannel

from .config import Arguments, BindingConfig, DeclareConfig

__all__ = ["ensure_exchange", "ensure_queue"]


async def ensure_exchange(channel: AbstractChannel, binding: BindingConfig) -> None:
    """Make the exchange where that is configured; if it is missing otherwise, binding to it says so."""
    declare = binding.declare
    if declare is not None:
        await channel.declare_exchange(
            binding.exchange,
            declare.type or "topic",
            durable=declare.durable,
            auto_delete=declare.auto_delete,
            arguments=dict(declare.arguments),
        )


async def ensure_queue(
    channel: AbstractChannel, name: str, declare: DeclareConfig | None, *, fixed: Arguments | None = None
) -> None:
    """Make the queue where that is configured, with the `fixed` arguments among its own; look for it otherwise."""
    if declare is None:
        await channel.get_queue(name)
        return
    await channel.declare_queue(
        name,
        durable=declare.durable,
        auto_delete=declare.auto_delete,
        arguments={**declare.arguments, **(fixed or {})},
    )
