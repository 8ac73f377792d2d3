"""How events reach clients: the fan-out, the clients and what happens to slow ones."""
