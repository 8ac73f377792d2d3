"""Delivery of events to clients: the fan-out, the clients, and what happens to slow ones."""
