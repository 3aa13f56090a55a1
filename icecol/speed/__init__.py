"""How fast features are: benchmarks with rivals, floors and checked answers, and profiles of plans.

A feature is timed as its bare compiled loop, as a lazy plan and frame by frame, over events of several sizes, in
several threads and in batches. All times are processor time, the shortest of several rounds; every way must give the
same.
"""
