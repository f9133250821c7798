"""The statistics of the monitor: arrays in, numbers out.

Leading dimensions (features, windows, segments) broadcast; the last axis is bins unless a docstring says otherwise. A
number that cannot be known from what was given is ``nan``: callers turn it into ``not_evaluated`` with a reason.
"""
