"""The sources: everything between an upstream and its log."""
