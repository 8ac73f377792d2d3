"""The process: the HTTP servers, sockets, signals and the drain."""
