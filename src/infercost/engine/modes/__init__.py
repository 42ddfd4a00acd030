"""Serving modes against each other: one model and traffic, served in real time, serverless, asynchronously, by a batch
job and scaled to zero.

Batches that wait for cheaper hours and traffic split over modes are not here; both would start from what
:mod:`.replicas`, :mod:`.serverless` and :mod:`.jobs` say of one mode at one level.
"""
