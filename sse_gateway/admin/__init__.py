"""The admin server: liveness, readiness and metrics."""
