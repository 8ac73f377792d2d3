"""Real brokers for the tests: installed and started by them, on ports and in folders of their own.

`make test` gets what is missing; the fixtures are in `tests.brokers.fixtures`.
"""
