"""The public server: which request is a stream, who is admitted, and what everybody else is answered."""
