"""Contract suites that a provider package subclasses in its own tests."""
