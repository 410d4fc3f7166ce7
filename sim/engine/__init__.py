"""Sessions of listeners, played in lockstep; what they record and sum up to."""
