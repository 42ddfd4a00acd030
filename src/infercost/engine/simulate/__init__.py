"""Exact simulation of an endpoint, request by request: queue, batches, services, and the cloud's autoscaler.

``simulation`` is the entrance; ``arrivals``, ``service`` and ``autoscalers`` make its arguments, ``result`` is
what it returns. ``policies`` are the scaling rules as plain functions. ``central`` and ``routed`` are the
kernels, over ``fleet``, ``history``, ``tournament`` and ``variates``; ``compiled`` alone knows the compiler.
"""
