"""Sources: from an upstream to the log."""
