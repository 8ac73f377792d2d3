"""The gateway as a process, between real brokers and real clients."""
