"""Pure computation: predict, plan, quote, estimate, rank, gate.

No I/O and no clock: today's date is an argument. Each step is a plain function over domain
values, so any of them can be replaced by another of the same signature.
"""
