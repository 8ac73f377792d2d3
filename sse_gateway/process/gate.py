"""Whether clients are taken in: the stage of the drain, as both servers see it."""

from __future__ import annotations

from ..metrics import DrainStage, Metrics

__all__ = ["Gate"]


class Gate:
    """One for the gateway. The drain moves it; it never goes back."""

    def __init__(self, metrics: Metrics) -> None:
        self.stage = DrainStage.RUNNING
        self._metrics = metrics

    def enter(self, stage: DrainStage) -> None:
        """The next stage begins."""
        self.stage = stage
        self._metrics.drain_stage.set(stage)

    @property
    def unready(self) -> bool:
        """Whether balancers are to send new clients elsewhere."""
        return self.stage > DrainStage.RUNNING

    @property
    def draining(self) -> bool:
        """Whether whoever still gets here is put off. Not yet while readiness is 503: the balancer may not have seen it."""
        return self.stage >= DrainStage.CLOSING
