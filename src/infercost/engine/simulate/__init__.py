"""Exact simulation of an endpoint, request by request: queue, batches, services, and the cloud's autoscaler.

``simulation`` is the entrance to replicas behind a queue, ``modes`` to serverless endpoints and jobs; ``arrivals``,
``service`` and ``autoscalers`` make their arguments, ``result`` is what they return. ``policies`` are the scaling
rules as plain functions. ``central``, ``limited``, ``routed`` and ``serverless`` are the kernels, over ``ticking``,
``fleet``, ``books``, ``serving``, ``history``, ``tournament`` and ``variates``; ``compiled`` alone knows the compiler,
``machine`` and ``packing`` what is shipped.
"""
