"""The loop as steps: the demo, the experiment and the daily loop.

Every step is a command of another room, run as a person would run it; this room imports none.
"""
