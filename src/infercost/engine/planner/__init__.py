"""The planner: the cheapest way to serve traffic that moves, found by bounds, a fluid model and exact simulation.

docs/explanation/planner.md says how; ADR 0010 says why.
"""
