"""Real brokers for the tests: installed and started by them, on ports and in folders of their own.

`python -m tests.brokers install` gets what is missing; the fixtures are in `tests.brokers.fixtures`.
"""
