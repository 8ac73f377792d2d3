"""The chart, rendered and linted by Helm's own library."""
