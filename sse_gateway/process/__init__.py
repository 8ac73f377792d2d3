"""The process: HTTP servers, sockets, signals and the drain."""
