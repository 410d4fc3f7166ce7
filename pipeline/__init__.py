"""The loop as steps: the demo, the experiment, and a day after the other.

Every step is a command of another room, run as a person runs it; this room imports none of them.
"""
