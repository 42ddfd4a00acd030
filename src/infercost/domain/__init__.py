"""Frozen values and small Protocols. Standard library only.

Every box of the pipeline is a value in this package, and its JSON form is the
dataclass itself: field names are the names in the published schemas.
"""
